#!/usr/bin/env bash
# Print the path of Azurite, the Azure Blob Storage of the tests, installed into the cache from npm as its lock file says.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source=$ROOT/hack/tools/azurite
key=$(sha256sum <"$source/package-lock.json" | cut -c1-12)
dir=$CACHE/bin/azurite-$key
if [ ! -d "$dir" ]; then
  command -v npm >/dev/null || die "npm is needed to install Azurite; install Node.js"
  mkdir -p "$CACHE/bin"
  exec 9>"$CACHE/bin/.lock-azurite"; flock 9 # two checkouts, or two tests, at once
  if [ ! -d "$dir" ]; then
    tmp=$dir.tmp; rm -rf "$tmp"; mkdir "$tmp"; cp "$source"/package*.json "$tmp"
    progress "installing Azurite, once for all" npm --prefix "$tmp" ci --ignore-scripts --no-audit --no-fund
    mv -T "$tmp" "$dir"
  fi
fi
echo "$dir/node_modules/.bin/azurite-blob"
