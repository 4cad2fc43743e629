//! Configurations of Envoy: one listener that answers 200 by itself, after at most one filter.

use std::{net::SocketAddr, path::Path};

use serde_json::{Value, json};

use crate::generator::Address;

/// The name of the extension and its settings.
pub(crate) struct Filter {
    name: &'static str,
    kind: &'static str,
    settings: Value,
}

impl Filter {
    /// Envoy's own filter for API keys, with these.
    pub(crate) fn api_keys<'k>(keys: impl Iterator<Item = &'k str>) -> Self {
        let credentials: Vec<Value> = keys
            .enumerate()
            .map(|(number, key)| json!({ "key": key, "client": format!("client-{number}") }))
            .collect();
        Self {
            name: "envoy.filters.http.api_key_auth",
            kind: "envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth",
            settings: json!({ "credentials": credentials, "key_sources": [{ "header": "authorization" }] }),
        }
    }

    /// Envoy's own filter for tokens, which remembers so many of them for each of its threads.
    pub(crate) fn tokens(jwks: &Value, remembered: usize) -> Self {
        let mut provider = json!({
            "issuer": "https://login.example",
            "audiences": ["api"],
            "local_jwks": { "inline_string": jwks.to_string() },
        });
        if remembered > 0 {
            provider["jwt_cache_config"] = json!({ "jwt_cache_size": remembered });
        }
        Self {
            name: "envoy.filters.http.jwt_authn",
            kind: "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            settings: json!({
                "providers": { "one": provider },
                "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "one" } }],
            }),
        }
    }

    /// The filter that asks a server, as the recipe in `examples/` has it.
    pub(crate) fn ask(show_body: bool) -> Self {
        let mut settings = json!({
            "transport_api_version": "V3",
            "grpc_service": { "envoy_grpc": { "cluster_name": "authorization" }, "timeout": "2s" },
            "failure_mode_allow": false,
            "status_on_error": { "code": "ServiceUnavailable" },
            "encode_raw_headers": true,
            "validate_mutations": true,
            "decoder_header_mutation_rules": { "disallow_system": true, "disallow_is_error": true },
            "clear_route_cache": false,
        });
        if show_body {
            settings["with_request_body"] = json!({ "max_request_bytes": 1_048_576, "allow_partial_message": true, "pack_as_bytes": true });
        }
        Self {
            name: "envoy.filters.http.ext_authz",
            kind: "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
            settings,
        }
    }

    fn value(mut self) -> Value {
        self.settings["@type"] = json!(format!("type.googleapis.com/{}", self.kind));
        json!({ "name": self.name, "typed_config": self.settings })
    }
}

/// The whole configuration; `asked` is the server that the filter asks.
pub(crate) fn whole(listen: SocketAddr, filter: Option<Filter>, asked: Option<&Address>) -> Value {
    let router = Filter {
        name: "envoy.filters.http.router",
        kind: "envoy.extensions.filters.http.router.v3.Router",
        settings: json!({}),
    };
    let filters: Vec<Value> = filter.into_iter().chain([router]).map(Filter::value).collect();
    let paths = json!([{ "match": { "prefix": "/" }, "direct_response": { "status": 200 } }]);
    let manager = Filter {
        name: "envoy.filters.network.http_connection_manager",
        kind: "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        settings: json!({
            "stat_prefix": "front",
            "use_remote_address": true,
            "normalize_path": true,
            "http_filters": filters,
            "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": paths }] },
        }),
    };
    let clusters: Vec<Value> = asked.map(cluster).into_iter().collect();
    json!({ "static_resources": {
        "listeners": [{ "name": "front", "address": tcp(listen), "filter_chains": [{ "filters": [manager.value()] }] }],
        "clusters": clusters,
    } })
}

fn cluster(asked: &Address) -> Value {
    let address = match asked {
        Address::Tcp(address) => tcp(*address),
        Address::Unix(path) => pipe(path),
    };
    let most = json!({
        "max_connections": 65536, "max_pending_requests": 65536, "max_requests": 65536, "max_retries": 1024,
    });
    json!({
        "name": "authorization",
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": "authorization",
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address } }] }],
        },
        "typed_extension_protocol_options": { "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": { "http2_protocol_options": {} },
        } },
        "circuit_breakers": { "thresholds": [most] },
    })
}

fn tcp(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}

fn pipe(path: &Path) -> Value {
    json!({ "pipe": { "path": path } })
}
