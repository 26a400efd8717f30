#!/usr/bin/env bash
# `side-venv.sh NAME`: print the directory of a virtual environment with requirements/NAME.txt, making it if need be; for
# packages that cannot be in ours: the protocol's other clients, and the servers that `make bench-serving` compares with.
# `side-venv.sh lock NAME...`: pin what requirements/NAME.in asks for anew, with uv from the dev venv.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
if [ "${1:-}" = lock ]; then
  shift; cd "$ROOT"
  for name in "$@"; do
    "$(hack/venv.sh)/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
      --custom-compile-command "hack/side-venv.sh lock $name" --output-file "requirements/$name.txt" "requirements/$name.in"
  done
  exit
fi
name=${1:?the name of a file in requirements/, without .txt}
requirements=$ROOT/requirements/$name.txt
[ -e "$requirements" ] || die "there is no requirements/$name.txt"
python=${PYTHON:-python3}
venv=$CACHE/venv/$name-$(sha256sum <"$requirements" | cut -c1-12)-$("$python" -c 'import sys; print("py%d%d" % sys.version_info[:2])')
mkdir -p "$CACHE/venv"
exec 9>"$CACHE/venv/.$name-lock"; ! command -v flock >/dev/null || flock 9
if [ ! -e "$venv/.packages" ]; then
  rm -rf "$venv"
  progress "creating the virtual environment of $name" "$python" -m venv "$venv"
  progress "installing the locked packages of $name" "$venv/bin/pip" --disable-pip-version-check install --require-hashes -r "$requirements"
  touch "$venv/.packages"
fi
echo "$venv"
