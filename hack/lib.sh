# Sourced by the scripts of hack/: where caches are, how work is announced. No side effects of its own.
# shellcheck shell=bash
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Everything that is built or downloaded once lives here, keyed by version; delete it to start afresh.
CACHE=${LEADSMAN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/leadsman}

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# progress WHAT COMMAND...: run quietly, print a line every ten seconds, and the log's tail when it fails.
progress() {
  local what=$1 log start pid rc=0; shift
  log=$(mktemp); start=$SECONDS
  say "$what"
  "$@" >"$log" 2>&1 & pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    if (( SECONDS - start > 0 && (SECONDS - start) % 10 == 0 )); then
      printf '    ... %s, %d s\n' "$what" $((SECONDS - start)) >&2; sleep 1
    fi
  done
  wait "$pid" || rc=$?
  if (( rc )); then tail -n 40 "$log" >&2; rm -f "$log"; die "$what failed (exit $rc)"; fi
  rm -f "$log"
  (( SECONDS - start < 10 )) || printf '    done in %d s\n' $((SECONDS - start)) >&2
}
