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
