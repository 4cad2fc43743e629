//! Files that hold secrets: nobody but their owner and its group has to read them.

use std::{collections::BTreeSet, fs, os::unix::fs::MetadataExt, path::Path};

use crate::config::{
    Config, CounterLocation, CredentialRule, JwtKeys, KnownAdministrator, SecretOrigin, StoreLocation,
    Transport,
};

use super::finding::{Finding, Level};

const CHECK: &str = "file_mode";
/// The bits of a file's mode by which everybody may read it, or write to it.
const OPEN_TO_OTHERS: u32 = 0o006;

/// Whether others may read what they should not. That a file is there and can be read is looked at by those who need
/// what stands in it.
pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let files = secret_files(config);
    let is_open =
        |path: &&&Path| fs::metadata(path).is_ok_and(|metadata| metadata.mode() & OPEN_TO_OTHERS != 0);
    let open: Vec<Finding> = files
        .iter()
        .filter(is_open)
        .map(|path| {
            Finding::new(Level::Warning, CHECK, path.display(), "everybody on this machine may read it")
                .advise(format!("Close it: `chmod o-rwx {}`.", path.display()))
        })
        .collect();
    if open.is_empty() {
        return vec![Finding::ok(
            CHECK,
            "files with secrets",
            format!("{}, none open to others", files.len()),
        )];
    }
    open
}

/// The store, the private keys of listeners, shared secrets, the tokens of administrators, the keys of `sealing`, and
/// what opens the counters.
fn secret_files(config: &Config) -> BTreeSet<&Path> {
    let (file, server) = match &config.store {
        StoreLocation::Sqlite(file) => (Some(file.as_path()), None),
        StoreLocation::Postgres(server) => (None, Some(server)),
        // Hashes and sealed secrets, which whoever reads them can do little with.
        StoreLocation::Files(_) => (None, None),
    };
    let check = config.listen.check.iter().map(|listener| &listener.transport);
    let transports = check.chain(config.listen.admin.as_ref().map(|listener| &listener.transport));
    let keys = transports.filter_map(|transport| match transport {
        Transport::MutualTls { key, .. } | Transport::Tls { key, .. } => Some(key.as_path()),
        Transport::Plain => None,
    });
    let administrators = config.administrators.iter().flat_map(KnownAdministrator::origins);
    let rules = config.apis.iter().flat_map(|api| &api.credentials);
    let tokens = rules.filter_map(|rule| match rule {
        CredentialRule::Jwt(jwt) => Some(&**jwt),
        _ => None,
    });
    let tokens = tokens.chain(config.sign_in.iter().map(|sign_in| &sign_in.tokens));
    let shared = tokens.filter_map(|jwt| match &jwt.keys {
        JwtKeys::Secret(source) => Some(&source.origin),
        _ => None,
    });
    let sealing = config.sealing.iter().flat_map(|sealing| &sealing.origins);
    let redis = match &config.counters {
        CounterLocation::Redis(redis) => Some(redis),
        CounterLocation::Memory => None,
    };
    let passwords = redis.into_iter().flat_map(|redis| [&redis.password, &redis.sentinel_password]);
    let passwords = passwords.chain(server.map(|server| &server.password));
    let passwords = passwords.flatten().map(|password| &password.origin);
    let redis_identity = redis.and_then(|redis| redis.tls.as_ref()?.identity.as_ref());
    let server_identity = server.and_then(|server| server.tls.identity());
    let client_keys = redis_identity.into_iter().chain(server_identity);
    let keys = keys.chain(client_keys.map(|(_, key)| key.as_path()));
    let secrets =
        shared.chain(sealing).chain(passwords).chain(administrators).filter_map(|origin| match origin {
            SecretOrigin::File(path) => Some(path.as_path()),
            SecretOrigin::Env(_) | SecretOrigin::Written => None,
        });
    file.into_iter().chain(keys).chain(secrets).collect()
}
