{{- define "doorward.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Room is left for the longest suffix, since a name of Kubernetes has 63 characters. */}}
{{- define "doorward.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What tells a component's pods from all others. It can never change: a Deployment keeps its selector. */}}
{{- define "doorward.selector" -}}
app.kubernetes.io/name: {{ include "doorward.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "doorward.labels" -}}
{{ include "doorward.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The head of everything. All but `root` can be left out: `name` or `suffix`, `component`, `namespace`, `labels`, `annotations`. */}}
{{- define "doorward.metadata" -}}
{{- $annotations := merge (dict) (default (dict) .annotations) .root.Values.annotations -}}
metadata:
  name: {{ default (include "doorward.fullname" .root) .name }}{{ .suffix }}
  namespace: {{ default .root.Release.Namespace .namespace }}
  labels:
    {{- include "doorward.labels" (dict "root" .root "component" (default "server" .component)) | nindent 4 }}
    {{- with .labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "doorward.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "doorward.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "doorward.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The whole name under which Envoys find the Service, and which its certificate has. */}}
{{- define "doorward.host" -}}
{{ include "doorward.fullname" . }}.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- end -}}

{{- define "doorward.tlsSecretName" -}}
{{- if eq .Values.tls.mode "certManager" -}}
{{ include "doorward.fullname" . }}-tls
{{- else -}}
{{ .Values.tls.secretName }}
{{- end -}}
{{- end -}}

{{- define "doorward.claimName" -}}
{{- default (printf "%s-data" (include "doorward.fullname" .)) .Values.persistence.existingClaim -}}
{{- end -}}
