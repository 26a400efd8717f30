#!/usr/bin/env bash
# Print the directory of a virtual environment that holds requirements/dev.txt and this checkout, making it if need be.
# It lives in the cache and is keyed by the lock file, so a second run costs nothing.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "Python 3.11 or newer is needed, found $("$python" --version); set PYTHON="
key=$(sha256sum <"$ROOT/requirements/dev.txt" | cut -c1-12)-$("$python" -c 'import sys; print("py%d%d" % sys.version_info[:2])')-$(echo "$ROOT" | sha256sum | cut -c1-6)
venv=$CACHE/venv/$key
mkdir -p "$CACHE/venv"
exec 9>"$CACHE/venv/.lock"; ! command -v flock >/dev/null || flock 9  # two runs at once must not build the same environment
pip=("$venv/bin/pip" --disable-pip-version-check)
if [ ! -e "$venv/.packages" ]; then
  rm -rf "$venv"
  progress "creating the virtual environment" "$python" -m venv "$venv"
  progress "installing the locked Python packages" "${pip[@]}" install --require-hashes -r "$ROOT/requirements/dev.txt"
  touch "$venv/.packages"
fi
if ! cmp -s "$ROOT/pyproject.toml" "$venv/.project"; then
  progress "installing leadsman from this checkout" "${pip[@]}" install --no-deps --no-build-isolation -e "$ROOT"
  cp "$ROOT/pyproject.toml" "$venv/.project"
fi
echo "$venv"
