#!/usr/bin/env bash
# Print the path of wrk, the load generator of `make bench-serving`: this machine's, else Debian's, unpacked into the cache.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
! command -v wrk || exit 0 # prints it
root=$(unpacked wrk wrk libluajit-5.1-2)
program=$root/wrk
if [ ! -x "$program" ]; then
  library=$(dirname "$(find "$root/usr/lib" -name 'libluajit-5.1.so.2' -print -quit)")
  printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec "%s/usr/bin/wrk" "$@"\n' "$library" "$root" >"$program.new"
  chmod +x "$program.new"; mv "$program.new" "$program"
fi
echo "$program"
