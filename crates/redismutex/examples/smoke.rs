//! smoke
use redismutex::blocking::RedisMutex;
use std::time::{Duration, Instant};
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let url = std::env::args().nth(1).unwrap();
    let m = RedisMutex::builder(&url)
        .expiry(Duration::from_secs(2))
        .connect()
        .unwrap();
    let g = m.acquire("k").unwrap();
    println!("{g:?} {:?}", m.inspect("k").unwrap());
    assert!(m.try_acquire("k").unwrap().is_none());
    g.release().unwrap();
    let n = 20000;
    let t = Instant::now();
    for _ in 0..n {
        m.acquire("k").unwrap().release().unwrap();
    }
    println!("blocking pair {:?}", t.elapsed() / n);
    let t = Instant::now();
    for _ in 0..n {
        drop(m.acquire("k").unwrap());
    }
    println!("blocking acquire+drop {:?}", t.elapsed() / n);
    // handoff in threads
    let (a, b) = (m.clone(), RedisMutex::builder(&url).connect().unwrap());
    let h = std::thread::spawn(move || {
        let t = Instant::now();
        for _ in 0..5000 {
            a.acquire("k").unwrap().release().unwrap();
        }
        t.elapsed()
    });
    let t = Instant::now();
    for _ in 0..5000 {
        b.acquire("k").unwrap().release().unwrap();
    }
    println!(
        "contended 2: {:?} {:?}",
        t.elapsed() / 5000,
        h.join().unwrap() / 5000
    );
    let am = redismutex::RedisMutex::builder(&url)
        .expiry(Duration::from_secs(2))
        .connect()
        .await
        .unwrap();
    let g = am.acquire("k").await.unwrap();
    println!("{g:?}");
    let am2 = am.clone();
    let w = tokio::spawn(async move {
        let g = am2.acquire("k").await.unwrap();
        println!("got {g:?}");
        g.release().await
    });
    tokio::time::sleep(Duration::from_millis(3000)).await;
    println!(
        "valid {} {:?}",
        g.is_valid(),
        am.inspect("k").await.unwrap()
    );
    g.release().await.unwrap();
    w.await.unwrap().unwrap();
    let t = Instant::now();
    for _ in 0..n {
        am.acquire("k").await.unwrap().release().await.unwrap();
    }
    println!("async pair {:?}", t.elapsed() / n);
    let t = Instant::now();
    let mut v = vec![];
    for i in 0..10000 {
        let am = am.clone();
        v.push(tokio::spawn(async move {
            am.acquire(format!("h{i}")).await.unwrap()
        }));
    }
    let mut gs = vec![];
    for x in v {
        gs.push(x.await.unwrap());
    }
    println!(
        "10000 guards {:?} = {:.0}/s",
        t.elapsed(),
        1e4 / t.elapsed().as_secs_f64()
    );
    tokio::time::sleep(Duration::from_millis(3000)).await;
    println!("all valid {}", gs.iter().all(|g| g.is_valid()));
    let t = Instant::now();
    drop(gs);
    println!("dropped {:?}", t.elapsed());
    let c = redis::Client::open(url).unwrap();
    let mut c = c.get_connection().unwrap();
    let e = redis::Script::new(
        "return redis.call('get',KEYS[1])==ARGV[1] and redis.call('del',KEYS[1])",
    );
    let t = Instant::now();
    for _ in 0..n {
        let _: () = redis::cmd("SET")
            .arg("f")
            .arg("tok")
            .arg("NX")
            .arg("PX")
            .arg(7000)
            .query(&mut c)
            .unwrap();
        let _: i64 = e.key("f").arg("tok").invoke(&mut c).unwrap();
    }
    println!("floor {:?}", t.elapsed() / n);
}
