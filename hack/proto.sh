#!/usr/bin/env bash
# Write the Python of serving-image/proto with the locked grpcio-tools. An argument is another directory to write to.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-serving-image/src/leadsman_serving}
"${PYTHON:-$(hack/venv.sh)/bin/python}" -m grpc_tools.protoc -I serving-image/proto --python_out="$out" --pyi_out="$out" open_inference.proto
