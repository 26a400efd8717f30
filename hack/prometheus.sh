#!/usr/bin/env bash
# Print the path of a Prometheus for the tests of `leadsman backtest`: this machine's, else Debian's, unpacked into the cache.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
! command -v prometheus || exit 0 # prints it
root=$(unpacked prometheus prometheus)
echo "$root/usr/bin/prometheus"
