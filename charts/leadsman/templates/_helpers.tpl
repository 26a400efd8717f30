{{- define "leadsman.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "leadsman.selectorLabels" -}}
app.kubernetes.io/name: leadsman
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "leadsman.labels" -}}
{{ include "leadsman.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "leadsman.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "leadsman.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "leadsman.servingImage" -}}
{{- default (printf "leadsman-serving:%s" .Chart.AppVersion) .Values.servingImage -}}
{{- end -}}

{{/* What the operator does in every namespace that it watches, and nothing else: no Secrets. */}}
{{- define "leadsman.rules" -}}
# Its own kinds. The patch of a ModelDeployment sets and removes the finalizer.
- apiGroups: [leadsman.dev]
  resources: [modeldeployments]
  verbs: [get, list, watch, patch]
- apiGroups: [leadsman.dev]
  resources: [rolloutpolicies, rolloutactions]
  verbs: [get, list, watch]
- apiGroups: [leadsman.dev]
  resources: [modelrevisions]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [leadsman.dev]
  resources: [modeldeployments/status, modelrevisions/status, rolloutactions/status]
  verbs: [patch]
# Children name the ModelDeployment as their owner, with blockOwnerDeletion.
- apiGroups: [leadsman.dev]
  resources: [modeldeployments/finalizers]
  verbs: [update]
# Children. Server-side apply needs create and patch; a name is looked up before it is taken.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
# Autoscalers; the number of pods is applied to the scale once, so that handing it over to them does not reset it.
- apiGroups: [apps]
  resources: [deployments/scale]
  verbs: [patch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [keda.sh]
  resources: [scaledobjects]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch, delete]
# Preflights, and looks at followed references.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes, grpcroutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# Gateways know by them which pods are ready.
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list]
# One by one, those that the environment of a ModelDeployment names. They cannot be listed nor watched.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}
