//! Where counters are, and what is wrong with it.

use std::{path::Path, time::Duration};

use crate::config::{
    Config, SecretSource,
    tests::{api, check, config, warnings},
    text::Format,
};

use super::*;

/// The counters of a configuration that has this in line 6.
fn counters(text: &str) -> CounterLocation {
    config(&format!("{}counters: {text}\n", api(&[]))).counters
}

fn redis(text: &str) -> RedisCounters {
    let CounterLocation::Redis(redis) = counters(text) else { panic!("{text}") };
    *redis
}

fn exposed(secret: Option<&SecretSource>) -> Option<&str> {
    secret.map(SecretSource::expose)
}

#[test]
fn an_address_says_which_servers_there_are() {
    let cases = [
        ("memory", "memory"),
        ("redis://localhost", "redis://localhost:6379"),
        ("redis://localhost/", "redis://localhost:6379"),
        ("redis://10.0.0.1:1/7", "redis://10.0.0.1:1/7"),
        ("redis://10.0.0.1:1/0", "redis://10.0.0.1:1"),
        ("rediss://[::1]", "rediss://[::1]:6379"),
        ("rediss://[2001:db8::1]:65535/1", "rediss://[2001:db8::1]:65535/1"),
        ("redis+cluster://a,b:7,[::1]", "redis+cluster://a:6379,b:7,[::1]:6379"),
        ("rediss+cluster://a/", "rediss+cluster://a:6379"),
        ("redis+sentinel://a,b:7/main", "redis+sentinel://a:26379,b:7/main"),
        ("rediss+sentinel://a/my-main.1/3", "rediss+sentinel://a:26379/my-main.1/3"),
        ("redis+unix:///run/redis.sock", "redis+unix:///run/redis.sock"),
        ("redis://user:p%40ss@a", "redis://a:6379"),
    ];
    for (text, expected) in cases {
        let location = CounterLocation::read(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        assert_eq!(location.to_string(), expected, "{text}");
    }
    assert!(redis("rediss://a").tls.is_some() && redis("redis://a").tls.is_none());
    assert_eq!(redis("redis://a").timeout, Duration::from_millis(50));
    assert_eq!(redis("redis://a").lease, Duration::from_millis(100));
}

#[test]
fn an_address_that_is_none_is_told_without_it() {
    let schemes = "expected `memory`, or an address that begins with one of `redis://`, `rediss://`";
    let hosts = "expected `HOST:PORT`, with commas between";
    let database = "expected the number of a database";
    let cases = [
        ("", schemes),
        ("Memory", schemes),
        ("redis:localhost", schemes),
        ("http://s3cr3t", schemes),
        ("rediss+unix:///run/redis.sock", schemes),
        ("redis://", hosts),
        ("redis://:s3cr3t@", hosts),
        ("redis://:s3cr3t/more@host", hosts),
        ("redis://a b", hosts),
        ("redis://a:", hosts),
        ("redis://a:0", hosts),
        ("redis://a:65536", hosts),
        ("redis://a:+1", hosts),
        ("redis://::1", hosts),
        ("redis://[::1", hosts),
        ("redis://[::1]1", hosts),
        ("redis://[s3cr3t]", hosts),
        ("redis+cluster://a,,b", hosts),
        ("redis://a,b", "expected one host; several are those of"),
        ("redis://a/s3cr3t", database),
        ("redis://a/+1", database),
        ("redis://a/1/2", database),
        ("redis://a/99999999999", database),
        ("redis+sentinel://a/main/s3cr3t", database),
        ("redis+sentinel://a", "expected the name of the master"),
        ("redis+sentinel://a//1", "expected the name of the master"),
        ("redis+cluster://a/1", "expected nothing after the hosts"),
        ("redis+unix://run/redis.sock", "expected the path of a Unix socket"),
        ("redis+unix:///", "expected the path of a Unix socket"),
        ("redis://a?db=s3cr3t", "expected no `?` and no `#`"),
        ("redis://:s3cr3t#1@a", "expected no `?` and no `#`"),
        ("redis://:s3cr3t%@a", "expected `%` only before two hexadecimal digits"),
        ("redis://:s3cr3t%é0@a", "expected `%` only before two hexadecimal digits"),
        ("redis://:s3cr3t%ff@a", "expected a user and a password in UTF-8"),
        ("redis://u:{hidden}@a", "expected the password in the place of `{hidden}`"),
    ];
    for (text, expected) in cases {
        let fault = CounterLocation::read(text).expect_err(text);
        assert!(fault.starts_with(expected), "{text}: {fault}");
        assert!(!fault.contains("s3cr3t"), "{fault}");
        let length = text.chars().count();
        let line = format!("{}counters: '{text}'\n", api(&[]));
        check(&line, &[&format!("6:11 counters: found {length} characters, {expected}")]);
    }
    let many = format!("redis+cluster://{}", ["a"; 65].join(","));
    assert_eq!(CounterLocation::read(&many).err().as_deref(), Some("with 65 hosts, expected 64 at most"));
    let long = format!("redis+unix:///{}", "a".repeat(107));
    let fault = CounterLocation::read(&long).expect_err("it is too long");
    assert!(fault.starts_with("with a path of 108 bytes, expected 107 at most"), "{fault}");
    check(
        &(api(&[]) + "counters: 5"),
        &[
            "6:11 counters: found no string, expected `memory`, or the address of a Redis such as `redis://localhost:6379` or a mapping with `url`",
        ],
    );
}

#[test]
fn user_and_password_stand_in_the_address_or_beside_it() {
    let address = redis("redis://us%3Aer:p%40s%2Fs%25@a");
    assert_eq!(
        (address.username.as_deref(), exposed(address.password.as_ref())),
        (Some("us:er"), Some("p@s/s%"))
    );
    let only = redis("redis://:pass@word@a");
    assert_eq!((only.username, exposed(only.password.as_ref())), (None, Some("pass@word")));
    let key = "0".repeat(64);
    let apart = redis(
        "{ url: 'redis+sentinel://a/m', username: me, password: { env: KEY }, sentinel_password: { env: KEY } }",
    );
    assert_eq!(
        (apart.username.as_deref(), exposed(apart.password.as_ref())),
        (Some("me"), Some(key.as_str()))
    );
    assert_eq!(exposed(apart.sentinel_password.as_ref()), Some(key.as_str()));
    let mixed = redis("{ url: 'redis://me@a', password: { env: KEY } }");
    assert_eq!(
        (mixed.username.as_deref(), exposed(mixed.password.as_ref())),
        (Some("me"), Some(key.as_str()))
    );
}

#[test]
fn a_mapping_says_how_a_redis_is_spoken_to() {
    let all = redis(
        "{ url: 'rediss://a', tls: { ca: ca.crt, certificate: c.crt, key: /k/c.key }, timeout: 20ms, lease: 0s }",
    );
    let identity = Some(("/etc/doorward/c.crt".into(), "/k/c.key".into()));
    assert_eq!(all.tls, Some(ClientTls { ca: Some("/etc/doorward/ca.crt".into()), identity }));
    assert_eq!((all.timeout, all.lease), (Duration::from_millis(20), Duration::ZERO));

    let cases = [
        ("{ url: memory }", "6:18 counters.url: found no Redis, expected one, or `counters: memory` alone"),
        ("{ timeout: 20ms }", "6:11 counters: found no field `url`, which is needed"),
        (
            "{ url: 'redis://a', tls: {} }",
            "6:36 counters.tls: found `tls`, expected an address that begins with `rediss`",
        ),
        ("{ url: 'redis+unix:///a', tls: {} }", "6:42 counters.tls: found `tls`, expected an address"),
        (
            "{ url: 'rediss://a', tls: { certificate: c } }",
            "6:37 counters.tls: found one of `certificate` and `key`",
        ),
        ("{ url: 'rediss://a', tls: { key: c } }", "6:37 counters.tls: found one of `certificate` and `key`"),
        (
            "{ url: 'redis://:p@a', password: { env: KEY } }",
            "6:44 counters.password: found the password here and in `url`",
        ),
        (
            "{ url: 'redis://u:p@a', username: u }",
            "6:45 counters.username: found the username here and in `url`",
        ),
        (
            "{ url: 'redis://a', username: u }",
            "6:11 counters: found a user without a password, expected both",
        ),
        (
            "{ url: 'redis://a', username: '', password: { env: KEY } }",
            "6:41 counters.username: found an empty name",
        ),
        ("redis://u@a", "6:11 counters: found a user without a password, expected both"),
        (
            "{ url: 'redis://a', sentinel_password: { env: KEY } }",
            "6:50 counters.sentinel_password: found the password of sentinels, expected none without sentinels",
        ),
        (
            "{ url: 'redis://a', password: { env: NONE } }",
            "6:41 counters.password: found $NONE, which is not set",
        ),
        ("{ url: 'redis://a', timeout: 0ms }", "6:40 counters.timeout: found 0ms, expected from 1ms to 1s"),
        (
            "{ url: 'redis://a', timeout: 150ms }",
            "6:40 counters.timeout: found 150ms, expected less than `budget`, which is 150ms",
        ),
        ("{ url: 'redis://a', lease: 2s }", "6:38 counters.lease: found 2s, expected from 0s to 1s"),
        (
            "{ url: 'redis://a', retries: 2 }",
            "6:31 counters.retries: found a field that is not known here, expected one of `url`, `username`, `password`, `sentinel_password`, `tls`, `timeout`, `lease`",
        ),
    ];
    for (text, expected) in cases {
        check(&format!("{}counters: {text}\n", api(&[])), &[expected]);
    }
    check(
        &(api(&[]) + "counters: redis://a\nbudget: 50ms"),
        &["6:11 counters.timeout: found 50ms, expected less than `budget`, which is 50ms"],
    );
    check(&(api(&[]) + "counters: memory\nbudget: 50ms"), &[]);
}

#[test]
fn a_password_in_the_address_is_a_risk_and_never_shown() {
    let risky = |text: &str| warnings(&format!("{}counters: {text}\n", api(&[])));
    let message = "found a password in the address, expected it apart, as `password: { file: … }` or \
                   `password: { env: … }`: whoever may read the configuration can read it";
    assert_eq!(risky("redis://u:s3cr3t@a"), [format!("6:11 counters: {message}")]);
    assert_eq!(risky("{ url: 'redis://u:s3cr3t@a' }"), [format!("6:18 counters.url: {message}")]);
    assert!(risky("{ url: 'redis://u@a', password: { env: KEY } }").is_empty());

    let path = Path::new("/etc/doorward/doorward.yaml");
    for url in ["redis://u:s3cr3t@a/1", "redis://:s3cr3t@a", "redis+unix://:s3cr3t@/run/redis.sock"] {
        let env = [("DOORWARD_COUNTERS".to_owned(), url.to_owned())];
        let loaded = Config::parse(&api(&[]), path, &env).expect("a configuration");
        assert_eq!(loaded.warnings.count(), 0, "what the environment says stands in no file");
        let shown = loaded.to_yaml().expect("YAML");
        assert!(!shown.contains("s3cr3t") && shown.contains(":{hidden}@"), "{shown}");
        assert!(!format!("{loaded:?}").contains("s3cr3t"));
        assert!(!loaded.config.counters.to_string().contains("s3cr3t"));
        let again = Config::parse(&shown, path, &[]).expect_err("the password is missing").to_string();
        assert!(again.contains("expected the password in the place of `{hidden}`"), "{again}");
    }
}

#[test]
fn the_environment_says_where_counters_are() {
    let path = Path::new("/etc/doorward/doorward.yaml");
    let parse = |file: &str, env: &[(&str, &str)]| {
        let env: Vec<_> = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::parse(&(api(&[]) + file), path, &env).map(|loaded| loaded.config.counters)
    };
    let location = parse("", &[("DOORWARD_COUNTERS", "rediss://redis.test:6380/2")]).expect("good");
    assert_eq!(location.to_string(), "rediss://redis.test:6380/2");
    let file = "counters: { url: 'redis://a' }";
    let env = [
        ("DOORWARD_COUNTERS__URL", "redis://b"),
        ("DOORWARD_COUNTERS__TIMEOUT", "5ms"),
        ("DOORWARD_COUNTERS__PASSWORD__ENV", "SECRET"),
        ("SECRET", "s3cr3t"),
    ];
    let CounterLocation::Redis(redis) = parse(file, &env).expect("good") else { panic!("{file}") };
    assert_eq!((redis.to_string(), redis.timeout), ("redis://b:6379".to_owned(), Duration::from_millis(5)));
    assert_eq!(exposed(redis.password.as_ref()), Some("s3cr3t"));
    let errors = parse("", &[("DOORWARD_COUNTERS", "redis:s3cr3t")]).expect_err("bad").to_string();
    assert!(errors.starts_with("$DOORWARD_COUNTERS: counters: found 12 characters, expected"), "{errors}");
}

#[test]
fn whatever_differs_makes_other_counters() {
    let base = "url: 'rediss+sentinel://a/m', username: u, password: { env: KEY }";
    let same = |one: &str, other: &str| {
        [one, other]
            .map(|text| counters(&format!("{{ {text} }}")))
            .windows(2)
            .all(|two| two[0].is_same(&two[1]))
    };
    assert!(same(base, base));
    assert!(counters("memory").is_same(&CounterLocation::Memory));
    assert!(!counters("memory").is_same(&counters("redis://a")));
    for changed in [
        base.replace("//a", "//b"),
        base.replace("/m", "/n"),
        base.replace("/m", "/m/1"),
        base.replace("rediss", "redis"),
        base.replace("username: u", "username: v"),
        base.replace("{ env: KEY }", "{ env: KEY }, sentinel_password: { env: KEY }"),
        format!("{base}, timeout: 5ms"),
        format!("{base}, lease: 5ms"),
        format!("{base}, tls: {{ ca: ca.crt }}"),
    ] {
        assert!(!same(base, &changed), "{changed}");
    }
    assert!(!counters("redis://:p@a").is_same(&counters("redis://:q@a")), "another password");
    assert!(counters("redis://:p@a").is_same(&counters("redis://:p@a")));
}
