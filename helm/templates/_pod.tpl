{{/* Sources of a projected volume: `[{ configMap: … }, { secret: … }]`. */}}
{{- define "doorward.sources" -}}
{{- range . }}
{{- if .configMap }}
- configMap:
    name: {{ .configMap }}
{{- else }}
- secret:
    name: {{ .secret }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "doorward.secretVolumeName" -}}
doorward-secret-{{ . | replace "." "-" | trunc 47 | trimSuffix "-" }}
{{- end -}}

{{/* What the configuration reads, beside itself. */}}
{{- define "doorward.inputVolumes" -}}
{{- range .Values.secrets }}
- name: {{ include "doorward.secretVolumeName" .name }}
  secret:
    secretName: {{ .name }}
    defaultMode: 0440
    {{- with .items }}
    items:
      {{- toYaml . | nindent 6 }}
    {{- end }}
{{- end }}
{{- with .Values.fragments }}
- name: doorward-fragments
  projected:
    defaultMode: 0440
    sources:
      {{- include "doorward.sources" . | trim | nindent 6 }}
{{- end }}
{{- if or .Values.documents.sources .Values.documents.inline }}
- name: doorward-documents
  projected:
    defaultMode: 0440
    sources:
      {{- with .Values.documents.sources }}
      {{- include "doorward.sources" . | trim | nindent 6 }}
      {{- end }}
      {{- if .Values.documents.inline }}
      - configMap:
          name: {{ include "doorward.fullname" . }}-documents
      {{- end }}
{{- end }}
{{- end -}}

{{- define "doorward.inputVolumeMounts" -}}
{{- range .Values.secrets }}
- name: {{ include "doorward.secretVolumeName" .name }}
  mountPath: /etc/doorward/secrets/{{ .name }}
  readOnly: true
{{- end }}
{{- if .Values.fragments }}
- name: doorward-fragments
  mountPath: /etc/doorward/apis.d
  readOnly: true
{{- end }}
{{- if or .Values.documents.sources .Values.documents.inline }}
- name: doorward-documents
  mountPath: /etc/doorward/documents
  readOnly: true
{{- end }}
{{- end -}}

{{/* All volumes of whoever runs on the release's configuration. */}}
{{- define "doorward.volumes" -}}
- name: doorward-config
  configMap:
    name: {{ include "doorward.fullname" . }}
- name: doorward-run
  emptyDir: {}
{{- if eq (include "doorward.storeKind" .) "sqlite" }}
- name: doorward-data
  {{- if .Values.persistence.enabled }}
  persistentVolumeClaim:
    claimName: {{ include "doorward.claimName" . }}
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- end }}
{{- if and (eq .Values.mode "service") (ne .Values.tls.mode "insecure") }}
- name: doorward-tls
  secret:
    secretName: {{ include "doorward.tlsSecretName" . }}
    defaultMode: 0440
{{- end }}
{{- if eq .Values.admin.mode "tls" }}
- name: doorward-admin-tls
  secret:
    secretName: {{ .Values.admin.secretName }}
    defaultMode: 0440
{{- end }}
{{- include "doorward.inputVolumes" . }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Folders, not single files: only these follow when Kubernetes swaps what is in them. */}}
{{- define "doorward.volumeMounts" -}}
- name: doorward-config
  mountPath: /etc/doorward/config
  readOnly: true
- name: doorward-run
  mountPath: /run/doorward
{{- if eq (include "doorward.storeKind" .) "sqlite" }}
- name: doorward-data
  mountPath: /var/lib/doorward
{{- end }}
{{- if and (eq .Values.mode "service") (ne .Values.tls.mode "insecure") }}
- name: doorward-tls
  mountPath: /etc/doorward/tls
  readOnly: true
{{- end }}
{{- if eq .Values.admin.mode "tls" }}
- name: doorward-admin-tls
  mountPath: /etc/doorward/admin-tls
  readOnly: true
{{- end }}
{{- include "doorward.inputVolumeMounts" . }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What every container of Doorward has. */}}
{{- define "doorward.program" -}}
image: {{ include "doorward.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
command: [/doorward]
env:
  - name: DOORWARD_CONFIG
    value: /etc/doorward/config/doorward.yaml
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
{{- end -}}

{{- define "doorward.readinessBy" -}}
{{- $plain := and (eq .Values.mode "service") (eq .Values.tls.mode "insecure") -}}
{{- if eq .Values.probes.readinessBy "auto" -}}
{{- ternary "grpc" "http" $plain -}}
{{- else -}}
{{- .Values.probes.readinessBy -}}
{{- end -}}
{{- end -}}

{{/* The server itself: the container of a Deployment, or a sidecar. */}}
{{- define "doorward.server" -}}
{{ include "doorward.program" . }}
args: [serve]
ports:
  {{- if eq .Values.mode "service" }}
  - name: grpc-check
    containerPort: {{ .Values.listeners.check }}
  {{- end }}
  {{- if eq .Values.admin.mode "tls" }}
  - name: admin
    containerPort: {{ .Values.listeners.admin }}
  {{- end }}
  - name: telemetry
    containerPort: {{ .Values.listeners.telemetry }}
startupProbe:
  httpGet: { path: /readyz, port: telemetry }
  {{- toYaml .Values.probes.startup | nindent 2 }}
livenessProbe:
  httpGet: { path: /healthz, port: telemetry }
  {{- toYaml .Values.probes.liveness | nindent 2 }}
readinessProbe:
  {{- if eq (include "doorward.readinessBy" .) "grpc" }}
  grpc:
    port: {{ .Values.listeners.check }}
    service: envoy.service.auth.v3.Authorization
  {{- else }}
  httpGet: { path: /readyz, port: telemetry }
  {{- end }}
  {{- toYaml .Values.probes.readiness | nindent 2 }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  {{- include "doorward.volumeMounts" . | nindent 2 }}
{{- end -}}

{{/* Where pods may run, for those that are ours alone. */}}
{{- define "doorward.placement" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}
