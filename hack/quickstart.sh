#!/usr/bin/env bash
# A small model store in the cluster, with the models of examples/quickstart.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
use_cluster
use_venv
cd "$ROOT/examples/quickstart"
serving=$(sed -n 's/^SERVING_IMAGE=//p' "$STATE/images.env")
[ -n "$serving" ] || die "no serving image is known: make install first"
kubectl create namespace quickstart --dry-run=client -o yaml | kubectl apply -f -
kubectl -n quickstart create configmap models --from-file=models --dry-run=client -o yaml | kubectl apply -f -
sed "s|SERVING_IMAGE|$serving|" store.yaml | kubectl apply -f -
progress "waiting for the model store" kubectl -n quickstart rollout status deployment/model-store --timeout=120s
