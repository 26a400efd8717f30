#!/usr/bin/env bash
# The cluster for the tests and the demo:   hack/cluster.sh up|down|status
#   CLUSTER=kind      with Docker and kind (chosen by itself where both are there)
#   CLUSTER=local     processes of this machine: Linux, root, no Docker needed (chosen otherwise)
#   CLUSTER=existing  the cluster that KUBECONFIG names, taken as it is: it needs a Gateway API implementation with a GatewayClass `envoy`
set -eEuo pipefail
trap 'echo "error: ${0##*/}:$LINENO: $BASH_COMMAND" >&2' ERR # no failure is silent
source "$(dirname "$0")/lib.sh"

apply() { kubectl apply --server-side --force-conflicts -f - >/dev/null; }

# A part's manifests are applied again only when they have changed or the cluster is another one.
apply_once() { # apply_once NAME < MANIFESTS
  local new; new=$(mktemp); cat >"$new"
  local stamp; stamp=$(sha256sum <"$new" | cut -c1-16)
  if [ "$(kubectl -n kube-system get configmap "leadsman-$1" -o jsonpath='{.data.applied}' 2>/dev/null)" != "$stamp" ]; then
    apply <"$new"
    kubectl -n kube-system create configmap "leadsman-$1" --from-literal=applied="$stamp" --dry-run=client -o yaml | apply
  fi
  rm -f "$new"
}

rolled_out() { # rolled_out NAMESPACE DEPLOYMENT
  progress "waiting for $2" kubectl -n "$1" rollout status "deployment/$2" --timeout=180s
}

dns() {
  local manifests=$ROOT/hack/manifests/dns.yaml
  # The digest makes a new pod of a changed configuration, which CoreDNS reads once.
  sed -e "s|@COREDNS_IMAGE@|$("$ROOT/hack/images.sh" name coredns)|" -e "s|@COREFILE@|$(sha256sum <"$manifests" | cut -c1-12)|" "$manifests" | apply_once dns
}

# Rendered by Helm and applied as plain objects: an installation that was killed half-way is mended by the next run, where
# a Helm release would be stuck in "pending-install".
gateway() {
  local tools helm chart image=() envoy_image
  tools=$("$ROOT/hack/build-tools.sh" envoy-gateway helm)
  chart=$(sed -n 1p <<<"$tools")/chart helm=$(sed -n 2p <<<"$tools")/helm
  if [ "$(cluster_kind)" = local ]; then
    image=(--set "global.images.envoyGateway.image=$("$ROOT/hack/images.sh" name envoy-gateway)")
    envoy_image=$("$ROOT/hack/images.sh" name envoy)
  fi
  kubectl create namespace envoy-gateway-system --dry-run=client -o yaml | apply
  "$helm" template eg "$chart" --namespace envoy-gateway-system --include-crds --set topologyInjector.enabled=false \
    --set crds.gatewayAPI.safeUpgradePolicy.enabled=false "${image[@]}" | apply_once envoy-gateway
  progress "waiting for the CRDs" kubectl wait --for=condition=Established --timeout=60s crd/gatewayclasses.gateway.networking.k8s.io \
    crd/gateways.gateway.networking.k8s.io crd/httproutes.gateway.networking.k8s.io crd/envoyproxies.gateway.envoyproxy.io
  # With kind the proxy's image is the one that Envoy Gateway names itself.
  sed -e "s|@ENVOY_IMAGE@|${envoy_image:-}|" -e '/image: ""/d' "$ROOT/hack/manifests/gateway.yaml" | apply_once gateway
}

kind_up() { # not run where this was written, which has no Docker
  kind get clusters 2>/dev/null | grep -qx leadsman || progress "creating the kind cluster" kind create cluster --name leadsman --config "$ROOT/kind-config.yaml" --wait 120s
  mkdir -p "$STATE"
  kind get kubeconfig --name leadsman >"$KUBECONFIG"
}

up() {
  local kind; kind=$(cluster_kind)
  use_venv
  case $kind in
    existing) kubectl get --raw /readyz >/dev/null || die "the cluster of $KUBECONFIG does not answer"; return ;;
    kind) kind_up ;;
    local) "$ROOT/hack/local-cluster.sh" up; dns ;;
    *) die "CLUSTER must be kind, local or existing, not $kind" ;;
  esac
  gateway
  [ "$kind" != local ] || rolled_out kube-system coredns
  rolled_out envoy-gateway-system envoy-gateway
  progress "waiting for the gateway" kubectl -n gateways wait --for=condition=Programmed --timeout=180s gateway/public
  say "the cluster is up:"
  echo "export KUBECONFIG=$KUBECONFIG"
}

down() {
  case $(cluster_kind) in
    existing) say "the cluster of $KUBECONFIG is yours; nothing to do" ;;
    kind) kind delete cluster --name leadsman; rm -rf "$STATE" ;;
    *) "$ROOT/hack/local-cluster.sh" down ;;
  esac
}

status() {
  local ok=0
  [ "$(cluster_kind)" != local ] || "$ROOT/hack/local-cluster.sh" status || ok=1
  use_venv
  kubectl get --request-timeout=5s nodes -o wide && kubectl get --request-timeout=5s pods,gateways -A || ok=1
  exit $ok
}

use_cluster
case ${1:-} in
  up) up ;;
  down) down ;;
  status) status ;;
  *) die "usage: $0 up|down|status" ;;
esac
