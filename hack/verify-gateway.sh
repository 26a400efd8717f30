#!/usr/bin/env bash
# Show on the running cluster that the gateway splits by weight and mirrors, from the host:  hack/verify-gateway.sh
set -euo pipefail
source "$(dirname "$0")/lib.sh"
use_cluster
use_venv
"$ROOT/hack/images.sh" # the backends are Python programs in the base image
ns=leadsman-verify
k() { kubectl -n "$ns" "$@"; }
trap 'kubectl delete namespace "$ns" --wait=false --ignore-not-found >/dev/null' EXIT
kubectl create namespace "$ns" --dry-run=client -o yaml | kubectl apply -f - >/dev/null
sed "s|@BASE_IMAGE@|$("$ROOT/hack/images.sh" name base)|" "$ROOT/hack/manifests/gateway-smoke.yaml" | k apply -f - >/dev/null
k wait --for=condition=Ready --timeout=60s pod/a pod/b pod/c >/dev/null
address=$(kubectl -n gateways get gateway public -o jsonpath='{.status.addresses[0].value}')
LEADSMAN_ADDRESS=$address python - <<'PY'
import collections, http.client, os, sys, time
address = os.environ["LEADSMAN_ADDRESS"]
def get() -> tuple[int, str]:
    connection.request("GET", "/", headers={"Host": "split.example"})
    response = connection.getresponse()
    return response.status, response.read().decode()
connection = http.client.HTTPConnection(address, 80, timeout=5)
deadline = time.monotonic() + 30
while get()[0] != 200 and time.monotonic() < deadline:
    time.sleep(0.2)
count, start = collections.Counter(get() for _ in range(2000)), time.monotonic()
print(f"2000 requests through {address}: {dict(count)}")
share = count[(200, "b")] / 2000
sys.exit(not (0.16 < share < 0.24 and sum(n for (s, _), n in count.items() if s == 200) == 2000))  # over 4 standard errors
PY
mirrored=$(k exec a -- python3 -c 'import time, urllib.request; time.sleep(1); print(urllib.request.urlopen("http://c/seen").read().decode())')
echo "mirrored: $mirrored; first request seen by c (Host, x-request-id): $(k logs c)"
# A copy is sent and forgotten: Envoy may lose a few.
(( mirrored >= 1900 )) || die "the copies did not all arrive"
say "DNS, weights and mirroring work"
