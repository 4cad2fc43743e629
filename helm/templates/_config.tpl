{{/* Where Doorward listens. */}}
{{- define "doorward.listen" -}}
{{- $address := .Values.listeners.address -}}
check:
  {{- if eq .Values.mode "sidecar" }}
  - unix:/run/doorward/check.sock
  {{- else }}
  - address: {{ printf "%s:%v" $address .Values.listeners.check | quote }}
    {{- if eq .Values.tls.mode "insecure" }}
    insecure: true
    {{- else }}
    tls:
      certificate: /etc/doorward/tls/tls.crt
      key: /etc/doorward/tls/tls.key
      client_ca: /etc/doorward/tls/ca.crt
    {{- end }}
  {{- end }}
telemetry: {{ printf "%s:%v" $address .Values.listeners.telemetry | quote }}
{{- if eq .Values.admin.mode "socket" }}
admin: unix:/run/doorward/admin.sock
{{- else if eq .Values.admin.mode "tls" }}
admin:
  address: {{ printf "%s:%v" $address .Values.listeners.admin | quote }}
  tls:
    certificate: /etc/doorward/admin-tls/tls.crt
    key: /etc/doorward/admin-tls/tls.key
    {{- if .Values.admin.clientCertificates }}
    client_ca: /etc/doorward/admin-tls/ca.crt
    {{- end }}
{{- end }}
{{- end -}}

{{/*
The configuration file without `listen`. A sidecar ends after everybody who asks it has ended: there is nothing to drain.
*/}}
{{- define "doorward.configWithoutListen" -}}
{{- $config := deepCopy .Values.config -}}
{{- $_ := set $config "store" (default (include "doorward.defaultStore" .) $config.store) -}}
{{- if .Values.fragments -}}
{{- $_ := set $config "include" (default "/etc/doorward/apis.d/*.yaml" $config.include) -}}
{{- end -}}
{{- if eq .Values.mode "sidecar" -}}
{{- $_ := set $config "shutdown" (merge (default (dict) $config.shutdown) (dict "drain" "0s")) -}}
{{- end -}}
{{ toYaml $config }}
{{- end -}}

{{- define "doorward.config" -}}
listen:
  {{- include "doorward.listen" . | nindent 2 }}
{{ include "doorward.configWithoutListen" . }}
{{- end -}}

{{/*
Of what a change needs a restart. Everything else is reloaded by Doorward itself when Kubernetes has brought the file up to date.
*/}}
{{- define "doorward.restartChecksum" -}}
{{- $config := include "doorward.config" . | fromYaml -}}
{{- omit $config "apis" "plans" "administrators" "sign_in" "sealing" "outage" "include" "grants" | toJson | sha256sum -}}
{{- end -}}

{{/* Not among the values, where Helm would warn of whoever puts a mapping in its place. */}}
{{- define "doorward.defaultStore" -}}
sqlite:/var/lib/doorward/doorward.db
{{- end -}}

{{/* `sqlite`, `files` or `postgres`. */}}
{{- define "doorward.storeKind" -}}
{{- $store := default (include "doorward.defaultStore" .) .Values.config.store -}}
{{- if kindIs "map" $store -}}{{- $store = $store.url -}}{{- end -}}
{{- regexReplaceAll "^postgresql$" (splitList ":" $store | first) "postgres" -}}
{{- end -}}

{{/* Whether replicas count each by itself. */}}
{{- define "doorward.countsInMemory" -}}
{{- if eq (toString (default "memory" .Values.config.counters)) "memory" -}}yes{{- end -}}
{{- end -}}

{{- define "doorward.replicasMax" -}}
{{- if .Values.autoscaling.enabled -}}{{ int .Values.autoscaling.maxReplicas }}{{- else -}}{{ int .Values.replicas }}{{- end -}}
{{- end -}}

{{/* A duration as Doorward reads it, such as `1m 30s`, in milliseconds. `text`, and `path` for the refusal. */}}
{{- define "doorward.milliseconds" -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 -}}
{{- $total := 0 -}}
{{- if not (regexMatch "^( *[0-9]+ *(ms|s|m|h))+ *$" .text) -}}
{{- fail (printf "%s is %q: write it in h, m, s and ms, such as 15s or 1m 30s." .path .text) -}}
{{- end -}}
{{- range regexFindAll "[0-9]+ *(ms|s|m|h)" .text -1 -}}
{{- $total = add $total (mul (regexFind "[0-9]+" . | int64) (get $units (regexFind "[a-z]+" .))) -}}
{{- end -}}
{{- $total -}}
{{- end -}}

{{- define "doorward.drainMilliseconds" -}}
{{- $shutdown := default (dict) .Values.config.shutdown -}}
{{- include "doorward.milliseconds" (dict "path" "config.shutdown.drain" "text" (default "10s" $shutdown.drain)) -}}
{{- end -}}

{{/* The whole of an ending, with five seconds to spare: what is killed before that drops Checks. */}}
{{- define "doorward.graceSeconds" -}}
{{- $shutdown := default (dict) .Values.config.shutdown -}}
{{- $deadline := include "doorward.milliseconds" (dict "path" "config.shutdown.deadline" "text" (default "15s" $shutdown.deadline)) -}}
{{- $ending := add (include "doorward.drainMilliseconds" .) $deadline 999 -}}
{{- add .Values.preStopSeconds (div $ending 1000) 5 -}}
{{- end -}}

{{- define "doorward.serviceKind" -}}
{{- if eq .Values.service.kind "auto" -}}
{{- ternary "clusterIP" "headless" (eq .Values.mesh.kind "istio") -}}
{{- else -}}
{{- .Values.service.kind -}}
{{- end -}}
{{- end -}}
