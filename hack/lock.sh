#!/usr/bin/env bash
# Write requirements/*.txt: every package pinned with hashes, no index named. Needs the network, and uv from the dev venv or PATH.
set -euo pipefail
cd "$(dirname "$0")/.."
lock() { # lock OUTPUT --extra NAME...
  local out=requirements/$1.txt; shift
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-package leadsman \
    --custom-compile-command "make lock" "$@" --output-file "$out" pyproject.toml
  echo "wrote $out"
}
lock dev --extra dev
# The images take the very versions that the tests ran with.
lock operator --extra operator --constraint requirements/dev.txt
for extra in serving serving-gpu serving-openvino; do lock "$extra" --extra "$extra" --extra tracing --constraint requirements/dev.txt; done
# What the images build the project with: the build backend that pyproject.toml names.
python3 -c 'import tomllib; print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"]))' \
  | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
    --custom-compile-command "make lock" --constraint requirements/dev.txt --output-file requirements/build.txt -
echo "wrote requirements/build.txt"
