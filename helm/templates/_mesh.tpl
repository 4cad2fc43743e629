{{/* The namespace of the Envoys, beside the release's own; empty if there is none. */}}
{{- define "doorward.meshNamespace" -}}
{{- if eq .Values.mesh.kind "envoy-gateway" -}}
{{- .Values.mesh.envoyGateway.proxyNamespace -}}
{{- else if eq .Values.mesh.kind "istio" -}}
{{- .Values.mesh.istio.namespace -}}
{{- end -}}
{{- end -}}

{{/* Envoy and Istio read durations in seconds alone. */}}
{{- define "doorward.seconds" -}}
{{- $milliseconds := include "doorward.milliseconds" . | int64 -}}
{{ div $milliseconds 1000 }}.{{ printf "%03d" (mod $milliseconds 1000) }}s
{{- end -}}

{{- define "doorward.meshTimeout" -}}
{{- include "doorward.seconds" (dict "path" "mesh.timeout" "text" .Values.mesh.timeout) -}}
{{- end -}}

{{/* All spellings that an application could take for a principal header, as a regular expression. */}}
{{- define "doorward.forgedHeaders" -}}
(?i)x[^a-z0-9]principal[^a-z0-9].*
{{- end -}}

{{/* The entry of `extensionProviders` in Istio's mesh configuration. */}}
{{- define "doorward.istioProvider" -}}
- name: {{ .Values.mesh.istio.provider }}
  envoyExtAuthzGrpc:
    service: {{ include "doorward.host" . }}
    port: {{ .Values.listeners.check }}
    timeout: {{ include "doorward.meshTimeout" . }}
    failOpen: false
    statusOnError: "503"
    {{- with int64 .Values.mesh.maxRequestBytes }}
    includeRequestBodyInCheck: { maxRequestBytes: {{ . }}, allowPartialMessage: true, packAsBytes: true }
    {{- end }}
{{- end -}}

{{/* The Gateways whose clients are stripped of forged headers, as JSON. */}}
{{- define "doorward.gateways" -}}
{{- $names := .Values.mesh.envoyGateway.gateways -}}
{{- range .Values.mesh.envoyGateway.targetRefs -}}
{{- if eq .kind "Gateway" -}}{{- $names = append $names .name -}}{{- end -}}
{{- end -}}
{{ uniq $names | toJson }}
{{- end -}}
