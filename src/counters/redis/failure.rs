//! What is told of a server that fails. Never a password: of a refused sign-in nothing is told that the server said,
//! since some servers repeat what they do not understand.

use redis::{RedisError, ServerError};

/// The longest part of a server's own words that is told, in characters.
const WORDS_MAX: usize = 160;

/// What an error of a server means.
pub(super) fn told(error: &ServerError) -> String {
    let meaning = match error.code() {
        "OOM" => "it is full: `maxmemory` is reached, and what counts is not evicted",
        "READONLY" => "it is a replica, which takes no writes",
        "LOADING" => "it is still loading its data",
        "MASTERDOWN" => "it is a replica that has lost its master",
        "CLUSTERDOWN" => "its cluster is down",
        "TRYAGAIN" => "the counter is being moved to another node",
        "MISCONF" => "it takes no writes, since it cannot save them to its disk",
        "NOREPLICAS" => "it takes no writes, since it has too few replicas",
        "BUSY" => "it is busy with a script that does not end",
        "NOAUTH" => "it asks for a password",
        "NOPERM" => "its user may not do this",
        code => return with_words(code, error.details()),
    };
    with_words(meaning, error.details())
}

fn with_words(told: &str, words: Option<&str>) -> String {
    let Some(words) = words else { return told.to_owned() };
    let short: String =
        words.chars().take(WORDS_MAX).map(|char| if char.is_control() { ' ' } else { char }).collect();
    format!("{told} ({short})")
}

/// What an error of a sign-in means.
pub(super) fn told_of_sign_in(error: &ServerError) -> String {
    match error.code() {
        "WRONGPASS" => "it refuses user or password".to_owned(),
        code => format!("it refuses the sign-in ({code})"),
    }
}

/// What an error of a connection means.
pub(super) fn told_of_connection(error: &RedisError) -> String {
    format!("the connection was lost ({error})")
}

#[cfg(test)]
mod tests {
    use redis::Value;

    use super::*;

    fn error(line: &str) -> ServerError {
        match redis::parse_redis_value(format!("-{line}\r\n").as_bytes()) {
            Ok(Value::ServerError(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_error_is_told_by_what_it_means() {
        let long = format!("ERR {}", "x".repeat(500));
        for (line, expected) in [
            (
                "OOM command not allowed when used memory > 'maxmemory'.",
                "it is full: `maxmemory` is reached, and what counts is not evicted (command not allowed",
            ),
            (
                "READONLY You can't write against a read only replica.",
                "it is a replica, which takes no writes (",
            ),
            ("LOADING Redis is loading the dataset in memory", "it is still loading its data ("),
            ("CLUSTERDOWN Hash slot not served", "its cluster is down (Hash slot not served)"),
            ("NOPERM User counting has no permissions", "its user may not do this (User counting has"),
            ("MISCONF Redis is configured to save", "it takes no writes, since it cannot save"),
            ("WHATEVER it is", "WHATEVER (it is)"),
            (&long, &format!("ERR ({})", "x".repeat(WORDS_MAX))),
        ] {
            let told = told(&error(line));
            assert!(told.starts_with(expected), "{told}");
        }
    }

    #[test]
    fn of_a_refused_sign_in_nothing_is_repeated() {
        for (line, expected) in [
            ("WRONGPASS invalid username-password pair", "it refuses user or password"),
            (
                "ERR unknown command 'AUTH', with args beginning with: 'secret'",
                "it refuses the sign-in (ERR)",
            ),
        ] {
            assert_eq!(told_of_sign_in(&error(line)), expected);
        }
    }
}
