//! Private servers start, answer, stop, come back and leave nothing behind.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use redismutex_testkit::server::available;
use redismutex_testkit::{Admin, Flavor, Reply, Server, random_key, random_key_named};

#[test]
fn every_flavor_that_is_there_answers_on_both_sockets() {
    for flavor in Flavor::PARTICULAR {
        if flavor.find_or_say("every_flavor").is_none() {
            continue;
        }
        let server = Server::builder().flavor(flavor).start();
        let expected = match flavor {
            Flavor::Valkey91 => "9.1.",
            Flavor::Redis62 => "6.2.",
            _ => "",
        };
        assert!(server.version().starts_with(expected), "{flavor}: {}", server.version());
        let over_tcp = Admin::connect_tcp(server.address()).unwrap();
        assert_eq!(over_tcp.cmd(&["SET", "k", "v"]), Reply::Simple("OK".into()));
        assert_eq!(server.admin().get("k").as_deref(), Some("v"));
        assert_eq!(server.url(), format!("redis://127.0.0.1:{}/0", server.port()));
        assert_eq!(server.unix_url(), format!("redis+unix://{}", server.socket().display()));
    }
    assert!(!available().is_empty());
}

#[test]
fn nobody_else_may_look_into_its_directory() {
    let server = Server::start();
    let mode = server.dir().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_dropped_server_leaves_neither_process_nor_directory() {
    let server = Server::start();
    let (pid, dir, address) = (server.pid(), server.dir().to_path_buf(), server.address());
    drop(server);
    assert!(!dir.exists());
    assert!(TcpStream::connect(address).is_err());
    // A zombie could still be signalled.
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
    assert_eq!(nix::sys::signal::kill(pid, None), Err(nix::errno::Errno::ESRCH));
}

#[test]
fn a_crash_loses_the_data_and_keeps_the_address() {
    let server = Server::start();
    let before = (server.url(), server.unix_url(), server.pid());
    server.admin().cmd(&["SET", "k", "v"]);
    server.kill9();
    assert!(TcpStream::connect(server.address()).is_err());
    server.restart();
    assert_eq!((server.url(), server.unix_url()), (before.0, before.1));
    assert_ne!(server.pid(), before.2);
    assert_eq!(server.admin().get("k"), None);
}

#[test]
fn a_persistent_server_comes_back_with_its_data() {
    let server = Server::builder().persist(true).start();
    server.admin().cmd(&["SET", "k", "v"]);
    server.restart();
    assert_eq!(server.admin().get("k").as_deref(), Some("v"));
}

#[test]
fn a_paused_server_is_silent_until_it_goes_on() {
    let server = Server::start();
    let admin = server.admin();
    let paused = server.pause();
    admin.send(&["PING"]).unwrap();
    assert!(admin.read(Duration::from_millis(100)).is_err());
    paused.resume();
    assert_eq!(admin.read(Duration::from_secs(10)).unwrap(), Reply::Simple("PONG".into()));
}

#[test]
fn a_paused_server_can_be_killed() {
    let server = Server::start();
    let _paused = server.pause();
    server.kill9();
    server.restart();
    assert_eq!(server.admin().cmd(&["PING"]), Reply::Simple("PONG".into()));
}

#[test]
fn settings_reach_the_server_and_replace_the_defaults() {
    let server = Server::builder()
        .tcp(false)
        .arg("maxmemory-policy", "allkeys-lru")
        .arg("client-output-buffer-limit", "pubsub 1mb 1mb 1")
        .start();
    let admin = server.admin();
    let setting = |name| admin.cmd(&["CONFIG", "GET", name]).parts()[1].text().unwrap();
    assert_eq!(setting("maxmemory-policy"), "allkeys-lru");
    assert_eq!(setting("port"), "0");
    assert_eq!(setting("save"), "");
    assert!(setting("client-output-buffer-limit").contains("pubsub 1048576 1048576 1"));
}

#[test]
#[should_panic(expected = "no-such-setting")]
fn a_server_that_cannot_start_says_why() {
    let _ = Server::builder().arg("no-such-setting", "1").start();
}

#[test]
fn many_servers_start_at_once_on_ports_of_their_own() {
    std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(Server::start)).collect();
        let servers: Vec<Server> = starts.into_iter().map(|start| start.join().unwrap()).collect();
        for (number, server) in servers.iter().enumerate() {
            let tcp = Admin::connect_tcp(server.address()).unwrap();
            tcp.cmd(&["SET", "number", &number.to_string()]);
        }
        for (number, server) in servers.iter().enumerate() {
            assert_eq!(server.admin().get("number"), Some(number.to_string()));
        }
    });
}

#[test]
fn a_server_outlives_the_thread_that_started_it() {
    let server = std::thread::spawn(Server::start).join().unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(server.admin().cmd(&["PING"]), Reply::Simple("PONG".into()));
}

#[test]
fn the_administrator_sees_keys_clients_and_counters() {
    let server = Server::start();
    let admin = server.admin();
    assert_eq!(admin.pttl("none"), -2);
    assert!(!admin.exists("none"));
    let keys: Vec<String> = (0..3000).map(|number| format!("many:{number:04}")).collect();
    for key in &keys {
        admin.cmd(&["SET", key, "v", "PX", "60000"]);
    }
    assert!(admin.pttl(&keys[0]) > 0);
    assert_eq!(admin.keys_matching("many:*"), keys);
    assert!(admin.del(&keys[0]));
    assert!(!admin.exists(&keys[0]));
    assert!(admin.used_memory() > 0);
    let before = admin.commands_processed();
    admin.cmd(&["PING"]);
    assert_eq!(admin.commands_processed() - before, 2);
    assert_eq!(admin.info("server", "no_such_field"), None);
    admin.flush_all();
    assert_eq!(admin.keys_matching("*"), Vec::<String>::new());
}

#[test]
fn the_administrator_cuts_all_others() {
    let server = Server::start();
    let admin = server.admin();
    let plain = server.admin();
    let subscriber = server.admin();
    subscriber.cmd(&["SUBSCRIBE", "channel"]);
    assert_eq!(admin.client_count(), 2);
    assert_eq!(admin.kill_clients(), 2);
    assert!(plain.try_cmd(&["PING"]).is_err());
    assert!(subscriber.read(Duration::from_secs(10)).is_err());
    let deadline = Instant::now() + Duration::from_secs(10);
    while admin.client_count() != 0 {
        assert!(Instant::now() < deadline, "the server still counts killed clients");
    }
}

#[test]
fn the_administrator_makes_users_and_forgets_scripts() {
    let server = Server::start();
    let admin = server.admin();
    admin.acl_setuser("app", &["on", ">secret", "~app:*", "+@all", "-@scripting"]);
    let app = server.admin();
    app.cmd(&["AUTH", "app", "secret"]);
    let refused = app.cmd(&["EVAL", "return 1", "0"]);
    assert!(matches!(&refused, Reply::Error(error) if error.starts_with("NOPERM")), "{refused:?}");
    let sha = admin.cmd(&["SCRIPT", "LOAD", "return 7"]).text().unwrap();
    assert_eq!(admin.cmd(&["EVALSHA", &sha, "0"]), Reply::Int(7));
    admin.script_flush();
    assert!(admin.cmd(&["EVALSHA", &sha, "0"]).is_error());
}

#[test]
fn pushes_do_not_mix_with_replies() {
    let server = Server::start();
    let (subscriber, admin) = (server.admin(), server.admin());
    subscriber.cmd(&["HELLO", "3"]);
    assert!(matches!(subscriber.cmd(&["SUBSCRIBE", "channel"]), Reply::Push(_)));
    admin.cmd(&["PUBLISH", "channel", "hi"]);
    assert_eq!(subscriber.cmd(&["PING"]), Reply::Simple("PONG".into()));
    let push = subscriber.push(Duration::from_secs(10)).unwrap();
    assert_eq!(push.parts()[2].text().as_deref(), Some("hi"));
    assert_eq!(subscriber.push(Duration::from_millis(20)), None);
}

#[test]
fn random_keys_differ() {
    assert_ne!(random_key(), random_key());
    assert!(random_key_named("mine").starts_with("mine:"));
}
