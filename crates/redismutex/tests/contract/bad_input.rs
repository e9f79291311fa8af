//! What cannot be is said so, with the value and the remedy.

use crate::face::Setting;
use redismutex::{Error, RedisMutex};
use redismutex_testkit::{Server, random_key};
use std::time::Duration;

pub(crate) async fn keys_that_cannot_be(setting: &Setting) {
    let mutex = setting.mutex().await;
    let empty = mutex.acquire("").await.unwrap_err();
    assert!(
        matches!(&empty, Error::Config { .. }) && empty.to_string().contains("empty"),
        "{empty}"
    );
    let huge = mutex.try_acquire(vec![b'x'; 3 << 20]).await.unwrap_err();
    assert!(matches!(&huge, Error::Config { .. }), "{huge}");
    assert!(huge.to_string().contains("3145728") && huge.to_string().len() < 300, "{huge}");
}

pub(crate) async fn another_type_under_the_key(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex().await);
    setting.admin().cmd(&["RPUSH", &key, "a", "b"]);
    for error in
        [mutex.acquire(&key).await.unwrap_err(), mutex.try_acquire(&key).await.unwrap_err()]
    {
        assert!(matches!(&error, Error::Config { .. }), "{error:?}");
        assert!(
            error.to_string().contains("not a lock") && error.to_string().contains(&key),
            "{error}"
        );
    }
    assert_eq!(setting.admin().cmd(&["LLEN", &key]).int(), Some(2), "left alone");
    setting.admin().del(&key);
}

#[tokio::test]
async fn urls_and_settings_that_cannot_be() {
    for url in ["", "localhost", "http://localhost:6379", "redis://localhost:99999"] {
        let error = RedisMutex::connect(url).await.unwrap_err();
        assert!(
            matches!(&error, Error::Config { .. }) && error.to_string().contains("redis://"),
            "{url}: {error}"
        );
    }
    let builder = || RedisMutex::builder("redis://127.0.0.1:1");
    let second = Duration::from_secs(1);
    for (wrong, named) in [
        (builder().delay(second * 6), "delay"),
        (builder().expiry(Duration::ZERO), "expiry"),
        (builder().expiry(Duration::MAX), "expiry"),
        (builder().renew(false).expiry(second), "expiry"),
        (builder().max_hold(Duration::ZERO), "max_hold"),
        (builder().node("redis://127.0.0.1:2"), "2 nodes"),
    ] {
        let error = wrong.connect().await.unwrap_err();
        assert!(
            matches!(&error, Error::Config { .. }) && error.to_string().contains(named),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_server_that_refuses_us_is_named_and_so_is_what_is_wrong_with_a_url() {
    let server = Server::start();
    let place = format!("127.0.0.1:{}", server.port());
    for (url, why) in [
        (format!("redis://{place}/99"), "DB index"),
        (format!("redis://nobody:secret@{place}"), "WRONGPASS"),
    ] {
        let error = RedisMutex::connect(url).await.unwrap_err();
        assert!(matches!(&error, Error::Config { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(&place) && text.contains(why) && !text.contains("secret"), "{text}");
    }
    for url in ["redis://", "redis://localhost/zero"] {
        let text = RedisMutex::connect(url).await.unwrap_err().to_string();
        assert!(text.contains("write redis://host") && !text.contains("Client"), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_and_named() {
    let error = RedisMutex::connect("redis://me:secret@127.0.0.1:1/2").await.unwrap_err();
    assert!(matches!(&error, Error::Unavailable { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("127.0.0.1:1") && !text.contains("secret"), "{text}");
}
