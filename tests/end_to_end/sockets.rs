//! The doors that Envoy itself comes through: Unix sockets, mutual TLS, health; and what happens when one of
//! them is taken.

use std::{
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::UnixListener,
    },
    path::Path,
    process::Output,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::harness::{
    PATIENCE,
    certificates::{Authority, Identity},
    doorward::{Doorward, free_address, replace_file},
    eventually,
    grpc::{self, Form},
    process::finish,
    run,
    site::Site,
};

const CONFIGURATION: &str = include_str!("two_apis.yaml");

/// Something that is needed cannot be reached.
const EXIT_UNREACHABLE: i32 = 69;

/// Serves with this list of addresses until it ends by itself.
fn serve(site: &Site, addresses: &str, telemetry: &str) -> Output {
    finish(
        site.command(&["serve", "--config", "doorward.yaml"])
            .env("DOORWARD_LISTEN__CHECK", addresses)
            .env("DOORWARD_LISTEN__TELEMETRY", telemetry),
    )
}

fn assert_unreachable(output: &Output, sentence: &[&str]) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(EXIT_UNREACHABLE), "{error}");
    for part in sentence {
        assert!(error.contains(part), "`{part}` is not said:\n{error}");
    }
    assert!(!error.contains("panicked"), "{error}");
}

#[test]
fn a_unix_socket_is_open_to_owner_and_group_alone() {
    run(async {
        let site = Site::new(CONFIGURATION);
        let doorward = site.serve().await;
        let metadata = std::fs::metadata(&doorward.socket).expect("the socket");
        assert!(metadata.file_type().is_socket());
        assert_eq!(metadata.permissions().mode() & 0o777, 0o660);
        assert_eq!(unknown_host(&doorward.socket).await, 404);
    });
}

/// Asks over a Unix socket; the answer for a host without an API.
async fn unknown_host(socket: &Path) -> u16 {
    let call = grpc::check(Form::Joined, "GET", "nobody.test", "/", &[]);
    grpc::denied(&mut grpc::client(socket).await, call).await.0
}

#[test]
fn a_unix_socket_that_a_dead_process_left_behind_is_taken_over() {
    run(async {
        let site = Site::new(CONFIGURATION);
        let socket = site.folder().join("stale.sock");
        drop(UnixListener::bind(&socket).expect("a socket"));
        let addresses = format!("[\"unix:{}\"]", socket.display());
        let doorward = site.serve_at(&addresses, socket).await;
        assert_eq!(unknown_host(&doorward.socket).await, 404);

        doorward.process.signal("KILL");
        doorward.process.ended(PATIENCE).await;
        let successor = site.serve_at(&addresses, doorward.socket.clone()).await;
        assert_eq!(unknown_host(&successor.socket).await, 404);
    });
}

#[test]
fn a_unix_socket_that_another_process_serves_is_left_to_it() {
    run(async {
        let site = Site::new(CONFIGURATION);
        let doorward = site.serve().await;
        let addresses = format!("[\"unix:{}\"]", doorward.socket.display());
        let output = serve(&site, &addresses, "off");
        let path = doorward.socket.display().to_string();
        assert_unreachable(&output, &["cannot listen on", &path, "listen.check"]);
        assert_eq!(unknown_host(&doorward.socket).await, 404, "the first one still answers");
    });
}

/// What the server says to a client that says only this, until it lets go of it.
async fn heard_by(socket: &Path, said: &[u8]) -> Vec<u8> {
    let mut client = UnixStream::connect(socket).await.expect("connected");
    client.write_all(said).await.expect("written");
    let mut heard = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, client.read_to_end(&mut heard)).await;
    // The other side may well close with what we said unread.
    let _ = ended.expect("it is let go");
    heard
}

#[test]
fn a_client_that_does_not_begin_to_speak_http_2_is_let_go() {
    run(async {
        let site = Site::new(CONFIGURATION);
        let doorward = site.serve().await;
        for said in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"] {
            let heard = heard_by(&doorward.socket, said).await;
            assert_eq!(heard, b"", "nothing is said to {}", said.escape_ascii());
        }
        assert_eq!(unknown_host(&doorward.socket).await, 404);
    });
}

#[test]
fn a_file_that_is_no_socket_is_not_removed() {
    let site = Site::new(CONFIGURATION);
    let path = site.folder().join("precious");
    std::fs::write(&path, "precious").expect("a file");
    let output = serve(&site, &format!("[\"unix:{}\"]", path.display()), "off");
    assert_unreachable(&output, &["cannot listen on", "no socket"]);
    assert_eq!(std::fs::read_to_string(&path).expect("the file"), "precious");
}

#[test]
fn a_port_in_use_is_told_with_the_place_in_the_configuration_to_change() {
    let site = Site::new(CONFIGURATION);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("its address").to_string();
    let output = serve(&site, &format!("[\"{address}\"]"), "off");
    assert_unreachable(&output, &["cannot listen on", &address, "listen.check"]);
    let output = serve(&site, "[\"unix:check.sock\"]", &address);
    assert_unreachable(&output, &["cannot listen on", &address, "listen.telemetry"]);
}

#[test]
fn grpc_health_says_serving_for_the_server_and_for_the_service_that_envoy_calls() {
    run(async {
        let site = Site::new(&CONFIGURATION.replacen("drain: 0s", "drain: 2s", 1));
        let doorward = site.serve().await;
        let mut health = HealthClient::new(grpc::channel(&doorward.socket).await);
        let services = ["", "envoy.service.auth.v3.Authorization"];
        let mut status_of = async |service: &str| {
            let request = HealthCheckRequest { service: service.to_owned() };
            Ok::<_, tonic::Status>(health.check(request).await?.into_inner().status())
        };
        for service in services {
            assert_eq!(status_of(service).await.expect("an answer"), ServingStatus::Serving, "{service:?}");
        }
        let unknown = status_of("nothing.of.this.Name").await.expect_err("it is unknown");
        assert_eq!(unknown.code(), tonic::Code::NotFound);

        doorward.process.signal("TERM");
        for service in services {
            eventually("the end of health", PATIENCE, async || match status_of(service).await {
                Ok(ServingStatus::NotServing) => Ok(()),
                other => Err(format!("{service:?} is {other:?}")),
            })
            .await;
        }
        assert_eq!(unknown_host(&doorward.socket).await, 404, "Checks are answered until the end");
        assert_eq!(doorward.process.ended(PATIENCE).await.code(), Some(0));
    });
}

/// A site whose Doorward is reached over TCP with mutual TLS.
struct Guarded {
    site: Site,
    ours: Authority,
    address: std::net::SocketAddr,
}

impl Guarded {
    fn new() -> Self {
        let guarded =
            Self { site: Site::new(CONFIGURATION), ours: Authority::new(), address: free_address() };
        replace_file(&guarded.site.folder().join("ca.pem"), &guarded.ours.pem());
        guarded.put(&guarded.ours.issue("doorward.test"));
        guarded
    }

    /// Puts certificate and key where the configuration looks for them.
    fn put(&self, identity: &Identity) {
        replace_file(&self.site.folder().join("key.pem"), &identity.key_pem());
        replace_file(&self.site.folder().join("certificate.pem"), &identity.certificate_pem());
    }

    async fn serve(&self) -> Doorward {
        let addresses = format!(
            "[{{ address: \"{}\", tls: {{ certificate: certificate.pem, key: key.pem, client_ca: ca.pem }} }}]",
            self.address
        );
        self.site.serve_at(&addresses, std::path::PathBuf::new()).await
    }

    /// Asks as this client, who trusts this authority: the status of the denial for an unknown host.
    async fn ask(&self, client: Option<&Identity>, trusted: &Authority) -> Result<u16, String> {
        let channel = trusted.channel(self.address, "doorward.test", client).await?;
        let mut client =
            envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient::new(
                channel,
            );
        let call = grpc::check(Form::Joined, "GET", "nobody.test", "/", &[]);
        let answer = client.check(call).await.map_err(|status| status.to_string())?;
        Ok(grpc::denial(answer.into_inner()).0)
    }
}

#[test]
fn over_tls_only_a_client_with_a_certificate_of_the_right_authority_is_answered() {
    run(async {
        let guarded = Guarded::new();
        let doorward = guarded.serve().await;
        let (ours, strange) = (&guarded.ours, Authority::new());
        assert_eq!(guarded.ask(Some(&ours.issue("envoy.test")), ours).await, Ok(404));
        guarded.ask(None, ours).await.expect_err("no certificate");
        guarded.ask(Some(&strange.issue("envoy.test")), ours).await.expect_err("a stranger's certificate");
        let mistrusted = guarded.ask(Some(&ours.issue("envoy.test")), &strange).await;
        mistrusted.expect_err("Doorward's certificate is not of the authority that the client trusts");
        let plain = tonic::transport::Endpoint::from_shared(format!("http://{}", guarded.address));
        let plain = plain.expect("an endpoint").connect().await;
        if let Ok(channel) = plain {
            let status = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
            status.expect_err("no TLS at all");
        }
        assert_eq!(guarded.ask(Some(&ours.issue("envoy.test")), ours).await, Ok(404), "it still answers");
        doorward.process.assert_alive();
    });
}

#[test]
fn a_changed_certificate_is_picked_up_and_a_broken_one_refused() {
    run(async {
        let guarded = Guarded::new();
        let doorward = guarded.serve().await;
        let (old, new) = (&guarded.ours, Authority::new());
        let client = old.issue("envoy.test");
        assert_eq!(guarded.ask(Some(&client), old).await, Ok(404));

        // The client's authority stays; Doorward's own certificate comes from another one now.
        guarded.put(&new.issue("doorward.test"));
        eventually("the new certificate", PATIENCE, async || guarded.ask(Some(&client), &new).await).await;
        guarded.ask(Some(&client), old).await.expect_err("the old certificate is gone");

        let labels = [("what", "certificates"), ("result", "refused")];
        let refusals = async || doorward.metric("doorward_reloads_total", &labels).await;
        let before = refusals().await;
        replace_file(&guarded.site.folder().join("certificate.pem"), "no certificate");
        eventually("the refusal", PATIENCE, async || {
            let count = refusals().await;
            if count > before { Ok(()) } else { Err(format!("{count} were refused")) }
        })
        .await;
        assert_eq!(guarded.ask(Some(&client), &new).await, Ok(404), "the good one stays");
    });
}
