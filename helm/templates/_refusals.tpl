{{/* What would render, and would be wrong: each is refused with a sentence that says why, and what to do. */}}
{{- define "doorward.refusals" -}}
{{- include "doorward.refusals.config" . -}}
{{- include "doorward.refusals.store" . -}}
{{- include "doorward.refusals.replicas" . -}}
{{- include "doorward.refusals.tls" . -}}
{{- include "doorward.refusals.ending" . -}}
{{- include "doorward.refusals.sidecar" . -}}
{{- include "doorward.refusals.mesh" . -}}
{{- end -}}

{{- define "doorward.refusals.config" -}}
{{- if hasKey .Values.config "listen" -}}
{{- fail "config.listen is the chart's own: set listeners, tls and admin in its place." -}}
{{- end -}}
{{- if and .Values.config.include (not .Values.fragments) (not .Values.extraVolumes) -}}
{{- fail "config.include names files that are not mounted: list the ConfigMaps with them in fragments." -}}
{{- end -}}
{{- end -}}

{{- define "doorward.refusals.store" -}}
{{- $kind := include "doorward.storeKind" . -}}
{{- $documents := or .Values.documents.sources .Values.documents.inline -}}
{{- if and $documents (ne (toString .Values.config.store) "files:/etc/doorward/documents") -}}
{{- fail "documents are given, and config.store is another store: set config.store to files:/etc/doorward/documents, or take documents out." -}}
{{- end -}}
{{- if and (eq $kind "files") (not $documents) (not .Values.extraVolumes) -}}
{{- fail "config.store is files:… and there are no documents: list ConfigMaps or Secrets in documents.sources." -}}
{{- end -}}
{{- if and .Values.migration.enabled (ne $kind "postgres") -}}
{{- fail (printf "migration.enabled is for PostgreSQL, and config.store is %s: switch it off." $kind) -}}
{{- end -}}
{{- if and (eq $kind "sqlite") (eq .Values.mode "service") (not .Values.extraVolumes) (not (hasPrefix "sqlite:/var/lib/doorward/" (default (include "doorward.defaultStore" .) .Values.config.store))) -}}
{{- fail "config.store is a file outside of /var/lib/doorward, and nothing else can be written to: set config.store to sqlite:/var/lib/doorward/doorward.db." -}}
{{- end -}}
{{- end -}}

{{- define "doorward.refusals.replicas" -}}
{{- $replicas := include "doorward.replicasMax" . | int -}}
{{- if and (eq .Values.mode "service") (gt $replicas 1) -}}
{{- if eq (include "doorward.storeKind" .) "sqlite" -}}
{{- fail (printf "%d replicas cannot share a SQLite file: set config.store to a PostgreSQL database or to files:/etc/doorward/documents, or replicas to 1." $replicas) -}}
{{- end -}}
{{- if include "doorward.countsInMemory" . -}}
{{- range .Values.config.apis -}}
{{- $limits := .limits -}}
{{- range .routes -}}{{- $limits = or $limits .limits -}}{{- end -}}
{{- if $limits -}}
{{- fail (printf "%d replicas would each count the limits of the API %s by itself, which admits %d times as much: set config.counters to a Redis, or replicas to 1." $replicas .name $replicas) -}}
{{- end -}}
{{- range .credentials -}}
{{- if and .signature (eq (dig "once" true .signature | toString) "true") -}}
{{- fail (printf "%d replicas would each remember by itself which signatures were used, so that each could be used %d times: set config.counters to a Redis, signature.once to memory or false, or replicas to 1." $replicas $replicas) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with .Values.podDisruptionBudget -}}
{{- if and .enabled (ne (toString .minAvailable) "") -}}
{{- $least := ternary (int $.Values.autoscaling.minReplicas) (int $.Values.replicas) $.Values.autoscaling.enabled -}}
{{- if or (eq (toString .minAvailable) "100%") (and (not (hasSuffix "%" (toString .minAvailable))) (ge (int .minAvailable) $least)) -}}
{{- fail (printf "podDisruptionBudget.minAvailable is %v of %d replicas, so that no node could ever be drained: set it lower, or use maxUnavailable." .minAvailable $least) -}}
{{- end -}}
{{- else if and .enabled (has (toString .maxUnavailable) (list "0" "0%")) -}}
{{- fail "podDisruptionBudget.maxUnavailable is 0, so that no node could ever be drained: set it to 1 or more." -}}
{{- end -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling.minReplicas is more than autoscaling.maxReplicas." -}}
{{- end -}}
{{- end -}}

{{- define "doorward.refusals.tls" -}}
{{- if and (eq .Values.tls.mode "secret") (not .Values.tls.secretName) -}}
{{- fail "tls.mode is secret and tls.secretName is empty: name the Secret with tls.crt, tls.key and ca.crt." -}}
{{- end -}}
{{- if and (eq .Values.tls.mode "certManager") (not .Values.tls.certManager.issuerRef) -}}
{{- fail "tls.mode is certManager and tls.certManager.issuerRef is empty: name the issuer, { name: …, kind: Issuer }." -}}
{{- end -}}
{{- if eq .Values.admin.mode "tls" -}}
{{- if not .Values.admin.secretName -}}
{{- fail "admin.mode is tls and admin.secretName is empty: name the Secret with tls.crt and tls.key." -}}
{{- end -}}
{{- if not (or .Values.config.administrators .Values.config.sign_in) -}}
{{- fail "admin.mode is tls and nobody could get in: say who administers in config.administrators or config.sign_in." -}}
{{- end -}}
{{- end -}}
{{- if and (eq .Values.probes.readinessBy "grpc") (or (ne .Values.tls.mode "insecure") (eq .Values.mode "sidecar")) -}}
{{- fail "probes.readinessBy is grpc, and Kubernetes asks by gRPC neither over TLS nor over a Unix socket: set it to http or auto." -}}
{{- end -}}
{{- end -}}

{{- define "doorward.refusals.ending" -}}
{{- if eq .Values.mode "service" -}}
{{- $drain := include "doorward.drainMilliseconds" . | int64 -}}
{{- $probe := mul 1000 (int64 .Values.probes.readiness.periodSeconds) -}}
{{- if has .Values.mesh.kind (list "envoy" "envoy-gateway") -}}
{{- $asks := include "doorward.milliseconds" (dict "path" "mesh.healthCheckInterval" "text" .Values.mesh.healthCheckInterval) -}}
{{- $probe = max $probe $asks -}}
{{- end -}}
{{- if lt $drain (mul 2 $probe) -}}
{{- fail (printf "config.shutdown.drain is %dms, less than two probes of %dms: it would close while it is still asked. Raise it, or ask more often." $drain $probe) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "doorward.refusals.sidecar" -}}
{{- if eq .Values.mode "sidecar" -}}
{{- if has .Values.mesh.kind (list "envoy-gateway" "istio") -}}
{{- fail (printf "mesh.kind is %s, which asks over a Service, and a sidecar has none: set mesh.kind to envoy or none, or mode to service." .Values.mesh.kind) -}}
{{- end -}}
{{- if eq (include "doorward.storeKind" .) "sqlite" -}}
{{- fail "each sidecar would have a SQLite file of its own, and lose it with its pod: set config.store to a PostgreSQL database or to files:/etc/doorward/documents." -}}
{{- end -}}
{{- if ne .Values.tls.mode "insecure" -}}
{{- fail "a sidecar is asked over a Unix socket: tls.mode is for mode service." -}}
{{- end -}}
{{- range $name := list "autoscaling" "migration" "podMonitor" "serviceMonitor" -}}
{{- if (get $.Values $name).enabled -}}
{{- fail (printf "%s.enabled is for mode service: in mode sidecar the pods are another chart's." $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "doorward.refusals.mesh" -}}
{{- if ne .Values.mesh.kind "none" -}}
{{- $budget := include "doorward.milliseconds" (dict "path" "config.budget" "text" (default "150ms" .Values.config.budget)) | int64 -}}
{{- $timeout := include "doorward.milliseconds" (dict "path" "mesh.timeout" "text" .Values.mesh.timeout) | int64 -}}
{{- if le $timeout $budget -}}
{{- fail (printf "mesh.timeout is %dms and config.budget %dms: Envoy would give up before Doorward answers. Set mesh.timeout higher." $timeout $budget) -}}
{{- end -}}
{{- $apis := toJson .Values.config.apis -}}
{{- if and (eq (int64 .Values.mesh.maxRequestBytes) 0) (or (contains "{body" $apis) (contains "{\"json\":" $apis)) -}}
{{- fail "config.apis read bodies of requests, and mesh.maxRequestBytes is 0, so that Envoy shows none: set it to 1048576." -}}
{{- end -}}
{{- end -}}
{{- if eq .Values.mesh.kind "envoy-gateway" -}}
{{- if not .Values.mesh.envoyGateway.targetRefs -}}
{{- fail "mesh.envoyGateway.targetRefs is empty: name the Gateways or routes to guard." -}}
{{- end -}}
{{- if and .Values.mesh.envoyGateway.clientTrafficPolicy (not (include "doorward.gateways" . | fromJsonArray)) -}}
{{- fail "mesh.envoyGateway.targetRefs names no Gateway, of which forged headers could be stripped: name it in mesh.envoyGateway.gateways, or switch clientTrafficPolicy off." -}}
{{- end -}}
{{- end -}}
{{- if eq .Values.mesh.kind "istio" -}}
{{- if not .Values.mesh.istio.selector -}}
{{- fail "mesh.istio.selector is empty, which would guard everything in the namespace: name the labels of the workload to guard." -}}
{{- end -}}
{{- if ne .Values.tls.mode "insecure" -}}
{{- fail "mesh.kind is istio, which brings mutual TLS of its own: set tls.mode to insecure and leave mesh.istio.mutualTls on." -}}
{{- end -}}
{{- if eq .Values.service.kind "headless" -}}
{{- fail "mesh.kind is istio, which cannot balance Checks over a headless Service: set service.kind to auto." -}}
{{- end -}}
{{- end -}}
{{- end -}}
