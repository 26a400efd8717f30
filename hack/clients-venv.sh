#!/usr/bin/env bash
# Print the directory of a virtual environment with the protocol's other clients (tritonclient, KServe's), making it if need be.
# They need another protobuf than we, so that they cannot be in ours. `clients-venv.sh lock` pins them anew, with uv from the dev venv.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
requirements=$ROOT/requirements/clients.txt
if [ "${1:-}" = lock ]; then
  printf 'kserve==0.21.0\ntritonclient[grpc,http]==2.73.0\n' | "$("$ROOT/hack/venv.sh")/bin/uv" pip compile --quiet --universal \
    --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "hack/clients-venv.sh lock" --output-file "$requirements" -
  exit
fi
python=${PYTHON:-python3}
venv=$CACHE/venv/clients-$(sha256sum <"$requirements" | cut -c1-12)-$("$python" -c 'import sys; print("py%d%d" % sys.version_info[:2])')
mkdir -p "$CACHE/venv"
exec 9>"$CACHE/venv/.clients-lock"; ! command -v flock >/dev/null || flock 9
if [ ! -e "$venv/.packages" ]; then
  rm -rf "$venv"
  progress "creating the virtual environment of the clients" "$python" -m venv "$venv"
  progress "installing the locked clients" "$venv/bin/pip" --disable-pip-version-check install --require-hashes -r "$requirements"
  touch "$venv/.packages"
fi
echo "$venv"
