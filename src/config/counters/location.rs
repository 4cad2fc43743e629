//! The addresses of counters: `memory`, `redis://USER:PASSWORD@HOST:PORT/DATABASE` and the like.

use std::{borrow::Cow, net::Ipv6Addr, path::PathBuf, time::Duration};

use percent_encoding::percent_decode_str;

use crate::config::{secret_source::SecretSource, text::Format};

use super::{ClientTls, CounterLocation, LEASE_MS, RedisAddress, RedisCounters, RedisServers, TIMEOUT_MS};

/// The port of a Redis.
const PORT: u16 = 6379;
/// The port of a sentinel.
const SENTINEL_PORT: u16 = 26379;
/// The most nodes or sentinels that are named.
const NODES_MAX: usize = 64;
/// The longest path of a Unix socket on Linux, in bytes.
const SOCKET_PATH_BYTES_MAX: usize = 107;
/// What stands for a password where the address is shown. No address can have it.
const HIDDEN: &str = "{hidden}";

/// What the scheme says of the servers.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Single,
    Cluster,
    Sentinel,
    Unix,
}

/// The schemes, and whether they speak TLS.
const SCHEMES: [(&str, Kind, bool); 7] = [
    ("redis", Kind::Single, false),
    ("rediss", Kind::Single, true),
    ("redis+cluster", Kind::Cluster, false),
    ("rediss+cluster", Kind::Cluster, true),
    ("redis+sentinel", Kind::Sentinel, false),
    ("rediss+sentinel", Kind::Sentinel, true),
    ("redis+unix", Kind::Unix, false),
];

impl Format for CounterLocation {
    const NAME: &'static str = "counters";
    const WHAT: &'static str = "`memory`, or the address of a Redis such as `redis://localhost:6379`";
    // A password may stand in it.
    const IS_SECRET: bool = true;

    fn read(text: &str) -> Result<Self, String> {
        if text == "memory" {
            return Ok(Self::Memory);
        }
        let known = text.split_once("://").and_then(|(scheme, rest)| {
            let (_, kind, has_tls) = SCHEMES.into_iter().find(|(known, ..)| *known == scheme)?;
            Some((kind, has_tls, rest))
        });
        let Some((kind, has_tls, rest)) = known else {
            let schemes = SCHEMES.map(|(scheme, ..)| format!("`{scheme}://`"));
            return Err(format!(
                "expected `memory`, or an address that begins with one of {}",
                schemes.join(", ")
            ));
        };
        if rest.contains(['?', '#']) {
            return Err("expected no `?` and no `#`; in a password they are `%3F` and `%23`".to_owned());
        }
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, path),
            None => (rest, ""),
        };
        let (userinfo, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (username, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        let password = Some(decoded(password)?).filter(|password| !password.is_empty());
        let (servers, database) = servers(kind, hosts, path)?;
        Ok(Self::Redis(Box::new(RedisCounters {
            servers,
            database,
            username: Some(decoded(username)?).filter(|name| !name.is_empty()),
            password: password.map(SecretSource::written),
            sentinel_password: None,
            tls: has_tls.then(ClientTls::default),
            timeout: Duration::from_millis(TIMEOUT_MS),
            lease: Duration::from_millis(LEASE_MS),
        })))
    }

    fn shown(written: &str) -> Cow<'_, str> {
        let hidden = || {
            let (scheme, rest) = written.split_once("://")?;
            let authority = rest.split('/').next()?;
            let (userinfo, _) = authority.rsplit_once('@')?;
            let (username, password) = userinfo.split_once(':')?;
            let after = rest.get(userinfo.len()..)?;
            (!password.is_empty()).then(|| format!("{scheme}://{username}:{HIDDEN}{after}"))
        };
        hidden().map_or(Cow::Borrowed(written), Cow::Owned)
    }
}

/// The servers, and the number of the database.
fn servers(kind: Kind, hosts: &str, path: &str) -> Result<(RedisServers, u32), String> {
    match kind {
        Kind::Single => {
            let [(host, port)] = <[_; 1]>::try_from(nodes(hosts, PORT)?).map_err(|_| {
                "expected one host; several are those of `redis+cluster://` or `redis+sentinel://`".to_owned()
            })?;
            Ok((RedisServers::Single(RedisAddress::Tcp(host, port)), database(path)?))
        }
        Kind::Cluster if path.is_empty() => Ok((RedisServers::Cluster(nodes(hosts, PORT)?), 0)),
        Kind::Cluster => Err("expected nothing after the hosts: a cluster has one database".to_owned()),
        Kind::Sentinel => {
            let (master, path) = path.split_once('/').unwrap_or((path, ""));
            let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            if master.is_empty() || !master.bytes().all(legal) {
                let expected = "expected the name of the master that the sentinels know, of letters, digits, `-`, `_` \
                                and `.`: `redis+sentinel://HOST:PORT/MASTER`";
                return Err(expected.to_owned());
            }
            let sentinels = nodes(hosts, SENTINEL_PORT)?;
            Ok((RedisServers::Sentinel(sentinels, master.to_owned()), database(path)?))
        }
        Kind::Unix => {
            let length = path.len() + 1;
            if !hosts.is_empty() || path.is_empty() || path.contains('\0') {
                return Err(
                    "expected the path of a Unix socket, such as `redis+unix:///run/redis.sock`".to_owned()
                );
            }
            if length > SOCKET_PATH_BYTES_MAX {
                return Err(format!(
                    "with a path of {length} bytes, expected {SOCKET_PATH_BYTES_MAX} at most for a Unix socket"
                ));
            }
            Ok((RedisServers::Single(RedisAddress::Unix(PathBuf::from(format!("/{path}")))), 0))
        }
    }
}

fn database(path: &str) -> Result<u32, String> {
    if path.is_empty() {
        return Ok(0);
    }
    let is_plain = path.bytes().all(|byte| byte.is_ascii_digit());
    let number = path.parse().ok().filter(|_| is_plain);
    number.ok_or_else(|| "expected the number of a database after the last `/`, or nothing".to_owned())
}

/// Hosts with their ports, with commas between.
fn nodes(hosts: &str, port: u16) -> Result<Vec<(String, u16)>, String> {
    let nodes = hosts.split(',').map(|node| read_node(node, port));
    let expected = "expected `HOST:PORT`, with commas between if there are several; in a user or password `/` is `%2F`, \
                    and `@` is `%40`";
    let nodes = nodes.collect::<Option<Vec<_>>>().ok_or_else(|| expected.to_owned())?;
    if nodes.len() > NODES_MAX {
        return Err(format!("with {} hosts, expected {NODES_MAX} at most", nodes.len()));
    }
    Ok(nodes)
}

fn read_node(text: &str, default: u16) -> Option<(String, u16)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
    } else {
        let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if !(1..=253).contains(&host.len()) || !host.bytes().all(legal) {
            return None;
        }
        (host, port)
    };
    let port = match port {
        None => default,
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => port.parse().ok()?,
        Some(_) => return None,
    };
    (port > 0).then(|| (host.to_owned(), port))
}

/// A user or a password in clear.
fn decoded(text: &str) -> Result<String, String> {
    if text.contains(['{', '}']) {
        return Err(format!("expected the password in the place of `{HIDDEN}`; braces are `%7B` and `%7D`"));
    }
    let mut escapes = text.split('%').skip(1);
    let is_escape =
        |rest: &str| rest.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    if !escapes.all(is_escape) {
        return Err("expected `%` only before two hexadecimal digits; by itself it is `%25`".to_owned());
    }
    let clear = percent_decode_str(text).decode_utf8();
    clear.map(Cow::into_owned).map_err(|_| "expected a user and a password in UTF-8".to_owned())
}

/// Host and port as an address has them.
pub(super) fn shown(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Hosts and ports, with commas between.
pub(super) fn listed(nodes: &[(String, u16)]) -> String {
    let nodes: Vec<String> = nodes.iter().map(|(host, port)| shown(host, *port)).collect();
    nodes.join(",")
}
