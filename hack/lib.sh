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

# unpacked NAME PACKAGE...: print the directory of these packages of Debian, unpacked into the cache once for all checkouts.
# Not installed: that would change the machine, and start a server that a package brings.
unpacked() {
  local name=$1 root=$CACHE/bin/$1-debian work; shift
  mkdir -p "$CACHE/bin"
  (
    flock 9 # two checkouts, or two tests, at once
    if [ ! -e "$root" ]; then
      command -v apt-get >/dev/null || die "$name is missing on this machine, which has no apt-get to get it by; install it"
      work=$(mktemp -d "$CACHE/bin/$name.XXXXXX"); trap 'rm -rf "$work"' EXIT
      progress "unpacking Debian's $name, once for all" fetch_debian "$work" "$@"
      mv -T "$work/root" "$root" # never half a directory under the final name
    fi
  ) 9>"$CACHE/bin/.lock-$name" || return
  echo "$root"
}
fetch_debian() {
  local package; cd "$1" && shift || return
  apt-get download "$@" || { apt-get update && apt-get download "$@"; } || return
  for package in *.deb; do dpkg-deb -x "$package" root || return; done
}

# tool_version NAME: the version of a tool set, from the one place that has it, the first requirement in its go.mod.
tool_version() {
  local version; version=$(awk '$1 == "require" && $2 != "(" {print $3; exit} in_list && $2 ~ /^v/ {print $2; exit} $2 == "(" {in_list = 1}' "$ROOT/hack/tools/$1/go.mod")
  echo "${version:-v0}"
}
# tool_dir NAME: where hack/build-tools.sh puts its programs.
tool_dir() { echo "$CACHE/bin/$1-$(tool_version "$1")"; }

# Which cluster the targets mean: kind (a Docker engine and kind are here), local (processes of this machine), or
# existing (the one that the user's KUBECONFIG names, taken as it is).
cluster_kind() {
  if [ -n "${CLUSTER:-}" ]; then echo "$CLUSTER"
  elif command -v kind >/dev/null && docker info >/dev/null 2>&1; then echo kind
  else echo local; fi
}
STATE=${LEADSMAN_CLUSTER_STATE:-/var/lib/leadsman-cluster}
# The cluster's kubeconfig; a KUBECONFIG of the user's counts only when it is that cluster which is to be used.
use_cluster() {
  if [ "$(cluster_kind)" = existing ]; then
    [ -n "${KUBECONFIG:-}" ] || die "CLUSTER=existing needs KUBECONFIG"
    STATE=$CACHE/existing-cluster; mkdir -p "$STATE"
  else
    [ "$(cluster_kind)" = local ] || STATE=$CACHE/kind
    export KUBECONFIG=$STATE/kubeconfig
  fi
}
# The venv has the kubectl that requirements/dev.txt locks.
use_venv() {
  local venv; venv=$("$ROOT/hack/venv.sh")
  export PATH="$venv/bin:$PATH"
}
