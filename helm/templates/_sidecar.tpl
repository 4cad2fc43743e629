{{/*
Doorward in the pods of another chart, which has this one as a dependency with `mode: sidecar`. Each template takes
`.Subcharts.doorward` for its context. docs/kubernetes.md shows the whole.
*/}}

{{/*
A native sidecar: it stands among `initContainers`, runs as long as the pod, and what comes after it waits until it has started.
The mode of the socket is 0660: Envoy has to be of the group 65532, by `runAsGroup` or by the pod's `fsGroup`.
*/}}
{{- define "doorward.sidecar.initContainer" -}}
- name: doorward
  restartPolicy: Always
  {{- include "doorward.server" . | nindent 2 }}
{{- end -}}

{{- define "doorward.sidecar.volumes" -}}
{{ include "doorward.volumes" . }}
{{- if eq .Values.mesh.kind "envoy" }}
- name: doorward-envoy
  configMap:
    name: {{ include "doorward.fullname" . }}-envoy
{{- end }}
{{- end -}}

{{/* For the container of Envoy: the folder of the socket, and with `mesh.kind: envoy` its configuration. */}}
{{- define "doorward.sidecar.envoyVolumeMounts" -}}
- name: doorward-run
  mountPath: /run/doorward
{{- if eq .Values.mesh.kind "envoy" }}
- name: doorward-envoy
  mountPath: /etc/envoy
  readOnly: true
{{- end }}
{{- end -}}

{{/* For the pod template, so that pods are replaced when a change needs a restart. */}}
{{- define "doorward.sidecar.annotations" -}}
doorward/restart-checksum: {{ include "doorward.restartChecksum" . }}
{{- end -}}
