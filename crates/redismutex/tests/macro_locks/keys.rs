//! Which key is taken: exactly the one that stands there.

use crate::Bench;
use redismutex::{Error, RedisMutex, with_redismutex};

/// Whether somebody holds `key`.
async fn is_held(mutex: &RedisMutex, key: impl AsRef<[u8]>) -> Result<bool, Error> {
    Ok(mutex.holder(key).await?.is_some())
}

#[with_redismutex(mutex, key = "report")]
async fn plain(mutex: &RedisMutex) -> Result<bool, Error> {
    is_held(mutex, "report").await
}

#[with_redismutex(mutex, key = "user:{user_id}:{page:>3}")]
async fn formatted(mutex: &RedisMutex, user_id: u64, page: &str) -> Result<bool, Error> {
    is_held(mutex, format!("user:{user_id}:{page:>3}")).await
}

#[with_redismutex(mutex, key = "{{slot}}:{user_id}")]
async fn with_doubled_braces(mutex: &RedisMutex, user_id: u64) -> Result<bool, Error> {
    is_held(mutex, format!("{{slot}}:{user_id}")).await
}

struct Address {
    city: (u32, &'static str),
}

struct Person {
    id: u64,
    address: Address,
}

impl Person {
    #[with_redismutex(mutex, key = "{self.id}/{ self.address.city.1 :?}/{extra}")]
    async fn fields(&self, mutex: &RedisMutex, extra: bool) -> Result<bool, Error> {
        is_held(mutex, format!("{}/{:?}/{extra}", self.id, self.address.city.1)).await
    }
}

#[with_redismutex(mutex, key = [b"raw\xff".as_slice(), name.as_bytes()].concat())]
async fn bytes(mutex: &RedisMutex, name: &str) -> Result<bool, Error> {
    is_held(mutex, [b"raw\xff".as_slice(), name.as_bytes()].concat()).await
}

/// The key borrows from an argument that the body then takes.
#[with_redismutex(&mutex, key = name)]
async fn of_an_argument(mutex: RedisMutex, name: String) -> Result<bool, Error> {
    let (mutex, name) = (mutex, name);
    is_held(&mutex, name).await
}

const WHOLE: &str = "whole:{table}";

#[with_redismutex(mutex, key = WHOLE)]
async fn of_a_constant(mutex: &RedisMutex) -> Result<bool, Error> {
    is_held(mutex, "whole:{table}").await
}

macro_rules! through_a_macro {
    ($mutex:ident, $id:ident, $literal:literal, $key:expr, $body:block) => {
        #[with_redismutex($mutex, key = $literal)]
        async fn of_a_literal($mutex: &RedisMutex, $id: u64) -> Result<bool, Error> $body

        #[with_redismutex($mutex, key = $key)]
        async fn of_an_expression($mutex: &RedisMutex, $id: u64) -> Result<bool, Error> $body
    };
}

through_a_macro!(mutex, id, "made:{id}", "made:{id}", {
    is_held(mutex, format!("made:{id}")).await
});

#[tokio::test]
async fn a_key_that_came_through_a_macro_is_a_format_string_all_the_same() {
    let Bench { mutex, .. } = &Bench::new().await;
    assert!(of_a_literal(mutex, 3).await.unwrap());
    assert!(of_an_expression(mutex, 3).await.unwrap());
}

#[tokio::test]
async fn the_key_that_stands_there_is_held_while_the_body_runs() {
    let Bench { mutex, admin, .. } = &Bench::new().await;
    let person = Person { id: 7, address: Address { city: (1, "Bonn") } };
    assert!(plain(mutex).await.unwrap());
    assert!(formatted(mutex, 42, "b").await.unwrap());
    assert!(with_doubled_braces(mutex, 42).await.unwrap());
    assert!(person.fields(mutex, true).await.unwrap());
    assert!(bytes(mutex, "x").await.unwrap());
    assert!(of_an_argument(mutex.clone(), "named".into()).await.unwrap());
    assert!(of_a_constant(mutex).await.unwrap());
    for key in ["report", "user:42:  b", "{slot}:42", "7/\"Bonn\"/true", "named", WHOLE] {
        assert!(!admin.exists(key), "{key} is still there");
    }
}

#[with_redismutex(mutex, key = "exactly:{id}")]
async fn keys_meanwhile(
    mutex: &RedisMutex,
    admin: &redismutex_testkit::Admin,
    id: u8,
) -> Result<(Vec<String>, Option<String>), Error> {
    Ok((admin.keys_matching("exactly*"), admin.get("exactly:1")))
}

#[tokio::test]
async fn the_record_on_the_server_has_exactly_that_name() {
    let Bench { mutex, admin, .. } = &Bench::new().await;
    let (keys, token) = keys_meanwhile(mutex, admin, 1).await.unwrap();
    assert_eq!(keys, ["exactly:1"]);
    assert!(token.is_some_and(|token| !token.is_empty()));
}

#[with_redismutex(mutex, key = key)]
async fn nothing(mutex: &RedisMutex, key: &str) -> Result<(), Error> {
    unreachable!("there is no lock without a name");
}

#[tokio::test]
async fn an_empty_key_is_refused_before_the_body() {
    let Bench { mutex, .. } = &Bench::new().await;
    assert!(matches!(nothing(mutex, "").await, Err(Error::Config { .. })));
}
