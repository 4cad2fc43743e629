//! A server that is asked, over gRPC.

use std::{error::Error, fs, net::IpAddr, path::Path, time::Duration};

use http::uri::PathAndQuery;
use secrecy::zeroize::Zeroizing;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    metadata::{Ascii, MetadataValue},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};
use tonic_prost::ProstCodec;
use url::{Host, Url};

use crate::{
    admin::api::{Method, REACHED},
    cli::{Exit, Failure},
};

use super::{
    OfficeArguments,
    arguments::{SERVER_VARIABLE, ServerArguments, TOKEN_VARIABLE},
    exit,
};

/// How long a connection may take.
const CONNECTING_TIME: Duration = Duration::from_secs(10);
/// How long an answer may take: an import of tens of thousands of keys is judged and written within it.
const ANSWERING_TIME: Duration = Duration::from_mins(2);
/// The longest answer that is taken, in bytes: a page of keys with all the labels that they can have.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A server, and who asks it.
pub(super) struct Server {
    grpc: Grpc<Channel>,
    url: String,
    token: Option<MetadataValue<Ascii>>,
}

impl Server {
    /// Connects to the server that is named, if one is: by an argument, or, where no configuration is named, by the
    /// environment.
    ///
    /// # Errors
    ///
    /// What is said about it makes no sense, or it cannot be reached.
    pub(super) async fn named(
        arguments: &OfficeArguments,
        env: &[(String, String)],
    ) -> Result<Option<Self>, Failure> {
        let variable =
            |name| env.iter().find(|(variable, _)| variable == name).map(|(_, value)| value.as_str());
        let (server, is_on_store) = (&arguments.server, arguments.config.is_named());
        let url = match &server.admin {
            Some(_) if is_on_store => {
                let message = "found `--admin` and `--config`, expected one of them: a server has its own configuration";
                return Err(Failure::new(Exit::Usage, message));
            }
            Some(url) => Some(url.as_str()),
            None => variable(SERVER_VARIABLE).filter(|url| !is_on_store && !url.is_empty()),
        };
        let Some(url) = url else {
            return match server.first_given() {
                Some(argument) => Err(Failure::new(
                    Exit::Usage,
                    format!("found `{argument}` and no server, expected `--admin` or ${SERVER_VARIABLE}"),
                )),
                None => Ok(None),
            };
        };
        Self::connect(url, server, variable(TOKEN_VARIABLE)).await.map(Some)
    }

    async fn connect(url: &str, arguments: &ServerArguments, token: Option<&str>) -> Result<Self, Failure> {
        let token = token_of(arguments, token)?;
        let transport = transport(url)?;
        if token.is_some() && transport == Transport::Open {
            let message = format!(
                "--admin: found {url}, expected `https:` or an address of this machine: a token would be read on its way"
            );
            return Err(Failure::new(Exit::Usage, message));
        }
        let wrong = |error: tonic::transport::Error| no_url(url, &causes(&error));
        let mut endpoint = Endpoint::from_shared(url.to_owned()).map_err(wrong)?;
        endpoint = endpoint.connect_timeout(CONNECTING_TIME).timeout(ANSWERING_TIME);
        if transport == Transport::Encrypted {
            endpoint = endpoint.tls_config(tls(arguments)?).map_err(wrong)?;
        } else if let Some(argument) = arguments.first_of_tls() {
            let message = format!("found `{argument}` and {url}, expected `https:` with it");
            return Err(Failure::new(Exit::Usage, message));
        }
        let channel = endpoint.connect().await.map_err(|error| unreachable(url, &causes(&error)))?;
        let grpc = Grpc::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX);
        Ok(Self { grpc, url: url.to_owned(), token })
    }

    /// What it answers, and on how many servers it is in force, and of how many, if it says so.
    ///
    /// # Errors
    ///
    /// It refuses, or it cannot be reached any more.
    pub(super) async fn ask<M: Method>(
        &self,
        request: M::Request,
    ) -> Result<(M::Answer, Option<(u64, u64)>), Failure> {
        let mut grpc = self.grpc.clone();
        grpc.ready().await.map_err(|error| unreachable(&self.url, &causes(&error)))?;
        let mut request = Request::new(request);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", token.clone());
        }
        let path = PathAndQuery::try_from(M::ABOUT.grpc_path());
        let path = path.map_err(|error| Failure::new(Exit::Failure, error))?;
        let codec = ProstCodec::<M::Request, M::Answer>::default();
        match grpc.unary(request, path, codec).await {
            Ok(answer) => {
                let reached = answer.metadata().get(REACHED).and_then(|value| {
                    let (reached, servers) = value.to_str().ok()?.split_once('/')?;
                    Some((reached.parse().ok()?, servers.parse().ok()?))
                });
                Ok((answer.into_inner(), reached))
            }
            Err(status) => Err(self.refusal(&status, M::ABOUT.changes())),
        }
    }

    fn refusal(&self, status: &Status, changes: bool) -> Failure {
        let message = status.message();
        let message = match status.code() {
            Code::Unauthenticated => {
                format!(
                    "{message}\nThe token is that of ${TOKEN_VARIABLE}, or of the file that `--token-file` names."
                )
            }
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown if changes => {
                format!(
                    "{}: {message}\nIt may have been done all the same: look before you ask again.",
                    self.url
                )
            }
            Code::Unimplemented => {
                format!(
                    "{} does not know this: is it the admin listener of a Doorward that is not older than this one?",
                    self.url
                )
            }
            _ => message.to_owned(),
        };
        Failure::new(exit(status.code()), message)
    }
}

impl ServerArguments {
    fn first_of_tls(&self) -> Option<&'static str> {
        let files = [("--ca", &self.ca), ("--certificate", &self.certificate), ("--key", &self.key)];
        files.into_iter().find(|(_, file)| file.is_some()).map(|(argument, _)| argument)
    }

    fn first_given(&self) -> Option<&'static str> {
        self.token_file.as_ref().map(|_| "--token-file").or_else(|| self.first_of_tls())
    }
}

/// How the way to a server is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    /// It does not leave the machine.
    Local,
    /// By TLS.
    Encrypted,
    /// Anybody on the way can read along.
    Open,
}

fn transport(text: &str) -> Result<Transport, Failure> {
    if text.strip_prefix("unix:").is_some_and(|path| !path.is_empty()) {
        return Ok(Transport::Local);
    }
    let url = Url::parse(text).map_err(|error| no_url(text, &error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        // It is not repeated: it may hold a password.
        let message = format!(
            "--admin: found a URL with a user or a password, expected none: a token is told by ${TOKEN_VARIABLE} or `--token-file`"
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(Transport::Encrypted),
        "http" if is_loopback => Ok(Transport::Local),
        "http" => Ok(Transport::Open),
        scheme => Err(no_url(text, &format!("`{scheme}` is another scheme"))),
    }
}

/// The token, as it is sent.
fn token_of(
    arguments: &ServerArguments,
    variable: Option<&str>,
) -> Result<Option<MetadataValue<Ascii>>, Failure> {
    let (token, place) = match (&arguments.token_file, variable) {
        (Some(file), _) => (Zeroizing::new(text(file)?), file.display().to_string()),
        (None, Some(token)) => (Zeroizing::new(token.to_owned()), format!("${TOKEN_VARIABLE}")),
        (None, None) => return Ok(None),
    };
    let header = Zeroizing::new(format!("Bearer {}", token.trim()));
    let value = MetadataValue::<Ascii>::try_from(header.as_str()).ok().filter(|_| !token.trim().is_empty());
    let mut value = value.ok_or_else(|| {
        Failure::new(Exit::Usage, format!("{place}: found no token, expected one in visible ASCII"))
    })?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn tls(arguments: &ServerArguments) -> Result<ClientTlsConfig, Failure> {
    let config = match &arguments.ca {
        Some(file) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(text(file)?)),
        None => ClientTlsConfig::new().with_native_roots(),
    };
    match (&arguments.certificate, &arguments.key) {
        (Some(certificate), Some(key)) => {
            let key = Zeroizing::new(text(key)?);
            Ok(config.identity(Identity::from_pem(text(certificate)?, key.as_str())))
        }
        (None, None) => Ok(config),
        _ => {
            let message = "found one of `--certificate` and `--key`, expected both or none";
            Err(Failure::new(Exit::Usage, message))
        }
    }
}

fn text(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file)
        .map_err(|error| Failure::new(Exit::Usage, format!("{} cannot be read: {error}", file.display())))
}

fn no_url(url: &str, why: &str) -> Failure {
    let expected = "expected `unix:PATH`, `https://HOST:PORT` or `http://HOST:PORT`";
    Failure::new(Exit::Usage, format!("--admin: found {url}, {expected}: {why}"))
}

fn unreachable(url: &str, why: &str) -> Failure {
    let message = format!(
        "cannot ask {url}: {why}\nDoes the server run, does `listen.admin` of its configuration say so, and may you use its socket?"
    );
    Failure::new(Exit::Unreachable, message)
}

/// An error with what caused it.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        below = cause.source();
    }
    text
}
