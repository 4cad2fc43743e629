{{/* A whole configuration for plain Envoy; examples/envoy.yaml in the source has the reason beside each line. */}}
{{- define "doorward.envoy" -}}
{{- $mesh := .Values.mesh.envoy -}}
admin:
  # Whoever reaches this can stop Envoy.
  address: { socket_address: { address: 127.0.0.1, port_value: 9901 } }
static_resources:
  listeners:
    - name: front
      address: { socket_address: { address: {{ $mesh.listener.address | quote }}, port_value: {{ $mesh.listener.port }} } }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: front
                use_remote_address: true
                {{- with int $mesh.trustedHops }}
                xff_num_trusted_hops: {{ . }}
                {{- end }}
                normalize_path: true
                path_with_escaped_slashes_action: REJECT_REQUEST
                merge_slashes: false
                common_http_protocol_options: { headers_with_underscores_action: ALLOW }
                # Principal headers come from Doorward or from nobody.
                early_header_mutation_extensions:
                  - name: envoy.http.early_header_mutation.header_mutation
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation
                      mutations:
                        - remove_on_match: { key_matcher: { safe_regex: { regex: {{ include "doorward.forgedHeaders" . | quote }} } } }
                        - remove: x-envoy-auth-partial-body
                access_log:
                  {{- include "doorward.envoy.accessLog" . | nindent 18 }}
                http_filters:
                  {{- include "doorward.envoy.extAuthz" . | nindent 18 }}
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
                route_config:
                  name: front
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes:
                        - { match: { prefix: / }, route: { cluster: upstream } }
  clusters:
    - name: upstream
      type: STRICT_DNS
      connect_timeout: 1s
      load_assignment:
        cluster_name: upstream
        endpoints:
          - lb_endpoints:
              - endpoint: { address: { socket_address: { address: {{ $mesh.upstream.address | quote }}, port_value: {{ $mesh.upstream.port }} } } }
    {{- include "doorward.envoy.cluster" . | nindent 4 }}
{{- end -}}

{{- define "doorward.envoy.accessLog" -}}
- name: envoy.access_loggers.stdout
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
    log_format:
      # The path goes without its query, where a key can stand.
      formatters:
        - name: envoy.formatter.req_without_query
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery
      json_format:
        time: "%START_TIME%"
        client: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"
        host: "%REQ(:AUTHORITY)%"
        method: "%REQ(:METHOD)%"
        path: "%REQ_WITHOUT_QUERY(:PATH)%"
        status: "%RESPONSE_CODE%"
        details: "%RESPONSE_CODE_DETAILS%"
        flags: "%RESPONSE_FLAGS%"
        duration_ms: "%DURATION%"
        request_id: "%REQ(X-REQUEST-ID)%"
        {{- range list "api" "principal_kind" "principal_id" "organization" "plan" "reason" "shadow_reason" }}
        {{ . }}: "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:{{ . }})%"
        {{- end }}
{{- end -}}

{{- define "doorward.envoy.extAuthz" -}}
- name: envoy.filters.http.ext_authz
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
    transport_api_version: V3
    grpc_service:
      envoy_grpc: { cluster_name: doorward }
      timeout: {{ include "doorward.meshTimeout" . }}
      # Only where Doorward cannot have seen the request: one that it has seen may have been counted.
      retry_policy:
        retry_on: connect-failure,refused-stream
        num_retries: 2
        retry_back_off: { base_interval: 0.01s, max_interval: {{ include "doorward.meshTimeout" . }} }
    # No answer, no entry; and an outage is a 503, not the client's fault.
    failure_mode_allow: false
    status_on_error: { code: ServiceUnavailable }
    encode_raw_headers: true
    validate_mutations: true
    decoder_header_mutation_rules: { disallow_system: true, disallow_is_error: true }
    clear_route_cache: false
    {{- with int64 .Values.mesh.maxRequestBytes }}
    with_request_body: { max_request_bytes: {{ . }}, allow_partial_message: true, pack_as_bytes: true }
    {{- end }}
{{- end -}}

{{- define "doorward.envoy.cluster" -}}
{{- $sidecar := eq .Values.mode "sidecar" -}}
- name: doorward
  {{- if $sidecar }}
  type: STATIC
  {{- else }}
  # Of a headless Service Envoy sees each pod.
  type: STRICT_DNS
  {{- end }}
  connect_timeout: 0.1s
  load_assignment:
    cluster_name: doorward
    endpoints:
      - lb_endpoints:
          {{- if $sidecar }}
          - endpoint: { address: { pipe: { path: /run/doorward/check.sock } } }
          {{- else }}
          - endpoint: { address: { socket_address: { address: {{ include "doorward.host" . }}, port_value: {{ .Values.listeners.check }} } } }
          {{- end }}
  typed_extension_protocol_options:
    envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
      "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
      explicit_http_config: { http2_protocol_options: {} }
  # Envoy's defaults refuse the 1025th concurrent Check.
  circuit_breakers:
    thresholds:
      - { max_connections: 65536, max_pending_requests: 65536, max_requests: 65536, max_retries: 1024 }
  # A Doorward that is going down says so here before it closes its port.
  health_checks:
    - timeout: 0.5s
      interval: {{ include "doorward.seconds" (dict "path" "mesh.healthCheckInterval" "text" .Values.mesh.healthCheckInterval) }}
      no_traffic_interval: {{ include "doorward.seconds" (dict "path" "mesh.healthCheckInterval" "text" .Values.mesh.healthCheckInterval) }}
      unhealthy_threshold: 2
      healthy_threshold: 1
      grpc_health_check: { service_name: envoy.service.auth.v3.Authorization }
  {{- if ne .Values.tls.mode "insecure" }}
  {{- $folder := .Values.mesh.envoy.tlsFolder }}
  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
      sni: {{ include "doorward.host" . }}
      common_tls_context:
        tls_certificates:
          - certificate_chain: { filename: {{ $folder }}/tls.crt }
            private_key: { filename: {{ $folder }}/tls.key }
            watched_directory: { path: {{ $folder }} }
        validation_context:
          trusted_ca: { filename: {{ $folder }}/ca.crt }
          watched_directory: { path: {{ $folder }} }
          match_typed_subject_alt_names:
            - { san_type: DNS, matcher: { exact: {{ include "doorward.host" . }} } }
  {{- end }}
{{- end -}}
