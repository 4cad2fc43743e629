//! The shipped `examples/envoy.yaml`, with addresses of a test's own. So what is tested is what is shipped.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::{certificates::Identity, root};

/// Where the recipe expects Doorward.
const DOORWARD: &str =
    "- endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 9191 } } }";

#[derive(Debug, Clone)]
pub(crate) struct Recipe(String);

impl Recipe {
    /// The recipe as it is shipped, but for addresses and for Envoy's patience: a debug build on a busy
    /// machine may take longer than 250 ms.
    pub(crate) fn shipped(upstream: SocketAddr, doorwards: &[PathBuf]) -> Self {
        let text = std::fs::read_to_string(root().join("examples/envoy.yaml")).expect("the recipe");
        let endpoint = |socket: &PathBuf| {
            let pipe = format!("{{ pipe: {{ path: {} }} }}", socket.display());
            format!("- endpoint: {{ address: {pipe} }}")
        };
        let endpoints: Vec<String> = doorwards.iter().map(endpoint).collect();
        Self(text)
            .with("port_value: 9901", "port_value: 0")
            .with("port_value: 10000", "port_value: 0")
            .with("port_value: 8080", &format!("port_value: {}", upstream.port()))
            .with(DOORWARD, &endpoints.join("\n              "))
            .with("timeout: 0.25s", "timeout: 10s")
            .with("max_interval: 0.25s", "max_interval: 10s")
    }

    /// Without what the recipe does against forgeries and ambiguous paths, so that what Doorward does by
    /// itself is seen.
    pub(crate) fn without_its_own_defences(self) -> Self {
        self.with("(?i)x[^a-z0-9]principal[^a-z0-9].*", "never-sent-by-anybody")
            .with("normalize_path: true", "normalize_path: false")
            .with(
                "path_with_escaped_slashes_action: REJECT_REQUEST",
                "path_with_escaped_slashes_action: KEEP_UNCHANGED",
            )
    }

    /// Without any body shown to Doorward.
    pub(crate) fn without_bodies(self) -> Self {
        self.with(
            "with_request_body: { max_request_bytes: 1048576, allow_partial_message: true, pack_as_bytes: true }",
            "",
        )
    }

    /// With more of a body shown than Doorward reads. Envoy itself refuses what does not fit into its buffer.
    pub(crate) fn with_large_bodies(self) -> Self {
        let room = "    - name: front\n      per_connection_buffer_limit_bytes: 4194304\n";
        self.with("max_request_bytes: 1048576", "max_request_bytes: 2097152")
            .with("    - name: front\n", room)
    }

    /// With requests let through when Doorward cannot answer.
    pub(crate) fn failing_open(self) -> Self {
        self.with("failure_mode_allow: false", "failure_mode_allow: true")
    }

    /// With TLS towards the client.
    pub(crate) fn over_tls(self, identity: &Identity) -> Self {
        let inline = |pem: String| format!("{{ inline_string: {} }}", serde_json::json!(pem));
        let socket = format!(
            "      filter_chains:
        - transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              common_tls_context:
                alpn_protocols: [h2, http/1.1]
                tls_certificates: [{{ certificate_chain: {}, private_key: {} }}]
          filters:",
            inline(identity.certificate_pem()),
            inline(identity.key_pem())
        );
        self.with("      filter_chains:\n        - filters:", &socket)
    }

    /// Behind one proxy that Envoy trusts.
    pub(crate) fn behind_a_proxy(self) -> Self {
        self.with_option("xff_num_trusted_hops: 1")
    }

    /// With WebSocket over HTTP/1 and HTTP/2.
    pub(crate) fn with_web_sockets(self) -> Self {
        self.with_option("upgrade_configs: [{ upgrade_type: websocket }]")
            .with_option("http2_protocol_options: { allow_connect: true }")
    }

    /// With one more option of the connection manager.
    fn with_option(self, option: &str) -> Self {
        let anchor = "                use_remote_address: true\n";
        self.with(anchor, &format!("{anchor}                {option}\n"))
    }

    /// Replaces a text that stands there, and stands there once.
    fn with(self, from: &str, to: &str) -> Self {
        let times = self.0.matches(from).count();
        assert_eq!(times, 1, "`{from}` stands {times} times in examples/envoy.yaml");
        Self(self.0.replace(from, to))
    }

    /// Writes it to a file.
    pub(super) fn write(&self, path: &Path) {
        std::fs::write(path, &self.0).expect("a configuration of Envoy's");
    }
}
