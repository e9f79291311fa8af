//! What may stand behind the question mark of a server's URL.
//!
//! What is not understood is refused: a database that is overlooked would be a lock in another one.

use percent_encoding::percent_decode_str;

/// What the query says, under the names that other clients know as well.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) database: Option<i64>,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
}

/// The URL without its query, and the query. The error is a sentence that repeats no value.
pub(super) fn split(url: &str) -> Result<(String, Query), String> {
    let (whole, fragment) = match url.split_once('#') {
        Some((whole, fragment)) => (whole, format!("#{fragment}")),
        None => (url, String::new()),
    };
    let Some((place, words)) = whole.split_once('?') else {
        return Ok((url.to_owned(), Query::default()));
    };
    let mut query = Query::default();
    for word in words.split('&').filter(|word| !word.is_empty()) {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let text = || percent_decode_str(value).decode_utf8().map(String::from);
        let text = || text().map_err(|_| format!("{name} is not UTF-8"));
        match name {
            "db" => {
                let number = text()?.parse().map_err(|_| "db has to be a number".to_owned());
                query.database = Some(number?);
            }
            "user" | "username" => query.user = Some(text()?),
            "pass" | "password" => query.password = Some(text()?),
            // We speak the newest that the server knows, whatever is said here.
            "protocol" => {}
            _ => {
                return Err(format!(
                    "{name} is not understood there: only db, username, password and protocol are"
                ));
            }
        }
    }
    Ok((format!("{place}{fragment}"), query))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_every_client_are_understood() {
        for url in [
            "redis://h?db=2&username=me&password=s%26t",
            "redis+unix:///run/s?user=me&db=2&pass=s%26t&protocol=resp3",
        ] {
            let (rest, query) = split(url).unwrap();
            assert!(!rest.contains('?'), "{rest}");
            let (user, password) = (Some("me".to_owned()), Some("s&t".to_owned()));
            assert_eq!(query, Query { database: Some(2), user, password });
        }
        assert_eq!(split("rediss://h?db=1#insecure").unwrap().0, "rediss://h#insecure");
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (url, named) in
            [("redis://h?ssl_ca_certs=x", "ssl_ca_certs"), ("redis://h?db=two", "db")]
        {
            assert!(split(url).unwrap_err().contains(named), "{url}");
        }
    }
}
