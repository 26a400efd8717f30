#!/usr/bin/env bash
# Install Leadsman from this checkout with Helm, with the images that hack/images.sh built.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
use_cluster
use_venv
images=$STATE/images.env
[ -f "$images" ] || die "no images are built: make images first"
# shellcheck disable=SC1090 # written by hack/images.sh
source "$images"
helm=$("$ROOT/hack/build-tools.sh" helm)/helm
# Helm installs CRDs once and never upgrades them.
kubectl apply --server-side --force-conflicts -f "$ROOT/crds" >/dev/null
progress "installing leadsman" "$helm" upgrade --install leadsman "$ROOT/charts/leadsman" \
  --namespace leadsman-system --create-namespace --wait --timeout 180s \
  --set "operator.image.repository=${OPERATOR_IMAGE%:*},operator.image.tag=${OPERATOR_IMAGE##*:}" \
  --set "servingImage=$SERVING_IMAGE" "$@"
