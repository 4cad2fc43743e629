//! Connections: few, impatient, and replaced when they are broken.

use std::{fs, path::Path, time::Duration};

use sqlx::{
    ConnectOptions, Connection, Executor, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
};

use tokio::time::{Instant, sleep, timeout_at};

use crate::config::{ClientTls, PostgresAddress, PostgresLocation, PostgresTls};

use super::failure::{Failure, is_starting};

/// Connections of one process for look-ups and changes.
const CONNECTIONS_MAX: u32 = 8;
/// One to read the change table, one to listen, and one to say how far it was read.
const CHANGES_CONNECTIONS: u32 = 3;
/// The pause before a server is tried again that does not let anybody in yet.
const CONNECT_PAUSE: Duration = Duration::from_millis(200);
/// After how long without use it is asked first whether a connection is still there.
const IDLE_MAX: Duration = Duration::from_secs(1);
/// How old a connection becomes: a server that was replaced behind a name is found again.
const LIFETIME_MAX: Duration = Duration::from_mins(30);

/// The pools for everything, and for the change table alone, of a server that has answered.
pub(super) async fn pools(
    server: &PostgresLocation,
    patience: Duration,
) -> Result<(PgPool, PgPool), Failure> {
    let options = options(server)?;
    first_answer(&options, patience).await?;
    let pool = |connections_max| {
        PgPoolOptions::new()
            .max_connections(connections_max)
            .acquire_timeout(patience)
            .max_lifetime(LIFETIME_MAX)
            // One that was used just now is there, and asking it would double the way of every look-up.
            .test_before_acquire(false)
            .before_acquire(|connection, metadata| {
                Box::pin(async move {
                    if metadata.idle_for >= IDLE_MAX {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .after_connect(move |connection, _| {
                // A statement longer than the wait for a lock, so that a lock is told as such.
                let (patience, statement) = (patience.as_millis(), 2 * patience.as_millis());
                // As statements, not as parameters of the connection: poolers refuse those that they do not know.
                let settings = format!(
                    "SET statement_timeout = {statement}; SET lock_timeout = {patience}; \
                     SET idle_in_transaction_session_timeout = {patience}; \
                     SET client_min_messages = warning"
                );
                Box::pin(async move {
                    connection.execute(sqlx::AssertSqlSafe(settings)).await?;
                    Ok(())
                })
            })
            .connect_lazy_with(options.clone())
    };
    Ok((pool(CONNECTIONS_MAX), pool(CHANGES_CONNECTIONS)))
}

/// Waits until the server lets us in: it may be starting as well. A pool would say no more than that it took too long.
async fn first_answer(options: &PgConnectOptions, patience: Duration) -> Result<(), Failure> {
    let deadline = Instant::now() + patience;
    loop {
        let connecting = timeout_at(deadline, PgConnection::connect_with(options)).await;
        let error = match connecting {
            Ok(Ok(connection)) => return Ok(connection.close().await?),
            Ok(Err(error)) => error,
            Err(_) => sqlx::Error::PoolTimedOut,
        };
        let may_pass = matches!(error, sqlx::Error::Io(_)) || is_starting(&error);
        if !may_pass || Instant::now() + CONNECT_PAUSE >= deadline {
            return Err(error.into());
        }
        sleep(CONNECT_PAUSE).await;
    }
}

fn options(server: &PostgresLocation) -> Result<PgConnectOptions, Failure> {
    let options = PgConnectOptions::new_without_pgpass()
        .application_name("doorward")
        .username(&server.user)
        .database(&server.database);
    let options = match &server.address {
        PostgresAddress::Tcp(host, port) => options.host(host).port(*port),
        PostgresAddress::Unix(folder, port) => options.socket(folder).port(*port),
    };
    let options = match &server.password {
        Some(password) => options.password(password.expose()),
        None => options,
    };
    // A slow statement would be logged whole, with the places of thousands of values.
    secured(options.disable_statement_logging(), &server.tls)
}

fn secured(options: PgConnectOptions, tls: &PostgresTls) -> Result<PgConnectOptions, Failure> {
    let options = options.ssl_mode(match tls {
        PostgresTls::Off => PgSslMode::Disable,
        PostgresTls::Unverified { .. } => PgSslMode::Require,
        PostgresTls::Verified(_) => PgSslMode::VerifyFull,
    });
    let options = match tls {
        PostgresTls::Verified(ClientTls { ca: Some(ca), .. }) => options.ssl_root_cert_from_pem(read(ca)?),
        _ => options,
    };
    match tls.identity() {
        Some((certificate, key)) => {
            Ok(options.ssl_client_cert_from_pem(read(certificate)?).ssl_client_key_from_pem(read(key)?))
        }
        None => Ok(options),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}
