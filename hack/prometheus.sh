#!/usr/bin/env bash
# Print the path of a Prometheus for the tests of `leadsman backtest`: this machine's, else Debian's, unpacked into the cache.
# Unpacked and not installed: the package would start a server of its own.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
! command -v prometheus || exit 0 # prints it
program=$CACHE/bin/prometheus-debian/usr/bin/prometheus

fetch() { # never leaves half a directory under the final name
  local work=$1
  (cd "$work" && { apt-get download prometheus || { apt-get update && apt-get download prometheus; }; } && dpkg-deb -x prometheus_*.deb root)
  mv -T "$work/root" "$CACHE/bin/prometheus-debian"
}

mkdir -p "$CACHE/bin"
exec 9>"$CACHE/bin/.lock-prometheus"; flock 9 # two checkouts, or two tests, at once
if [ ! -x "$program" ]; then
  command -v apt-get >/dev/null || die "Prometheus is missing on this machine; install it (https://prometheus.io/download)"
  work=$(mktemp -d "$CACHE/bin/prometheus.XXXXXX"); trap 'rm -rf "$work"' EXIT
  progress "unpacking Debian's Prometheus, once for all" fetch "$work"
fi
echo "$program"
