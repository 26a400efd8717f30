#!/usr/bin/env bash
# Show that cluster-down leaves nothing of the local cluster on the machine, also after a cluster-up that was killed.
#   hack/verify-cluster-clean.sh [SECONDS...]      kills a cluster-up after each of these times (default: 1 4 8 14)
# It takes down the cluster that is there, and leaves none.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
export CLUSTER=local
use_cluster

snapshot() { # all that a cluster could leave, in words that do not change by themselves
  ip -brief link | awk '{print "link", $1}'
  ip netns list | sed 's/^/netns /'
  ip route | sed 's/^/route /'
  { iptables-save; ip6tables-save; } | grep -E '^-A|^:.* - ' | sed 's/ \[.*//; s/^/firewall /' || true
  awk '{print "mount", $2, $3}' /proc/self/mounts | grep -v ' /tmp/' || true
  sysctl net.ipv4.ip_forward net.ipv4.conf.all.route_localnet vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops
  find /sys/fs/cgroup -maxdepth 2 -name 'leadsman*' | sed 's/^/cgroup /'
  grep -lzxsF "LEADSMAN_CLUSTER=$STATE" /proc/[0-9]*/environ | sed 's/^/process /' || true
  pgrep -l '^(kubelet|kube-|containerd|coredns|pause)' | grep -v kube-apiserver | sed 's/^/process /' || true # light clusters of tests may come and go
  find "$STATE" /run/netns /run/containerd /var/lib/cni /var/log/pods /var/log/containers -maxdepth 1 2>/dev/null | sed 's/^/file /' || true
}
compare() { # compare WHAT
  snapshot | sort >"$work/after"
  diff -u "$work/before" "$work/after" || die "$1: something was left behind (or another program changed the machine meanwhile)"
  printf '    clean: %s\n' "$1" >&2
}

work=$(mktemp -d)
trap 'rm -rf "$work"; iptables -D INPUT -s 192.0.2.1 -m comment --comment "not of the cluster" -j DROP 2>/dev/null || true' EXIT
"$ROOT/hack/cluster.sh" down
iptables -A INPUT -s 192.0.2.1 -m comment --comment "not of the cluster" -j DROP # a rule of somebody else has to stay
snapshot | sort >"$work/before"

(( $# )) || set -- 1 4 8 14
for seconds in "$@"; do
  setsid "$ROOT/hack/cluster.sh" up >/dev/null 2>&1 & up=$!
  sleep "$seconds"
  # Only the script and its shells die, as in a crash; what they started lives on, and is for cluster-down to find.
  kill -KILL "$up" 2>/dev/null || true; wait "$up" 2>/dev/null || true
  "$ROOT/hack/cluster.sh" down
  compare "cluster-up killed after $seconds s, then cluster-down"
done
"$ROOT/hack/cluster.sh" up >/dev/null
"$ROOT/hack/cluster.sh" down
compare "a full cluster-up, then cluster-down"
"$ROOT/hack/cluster.sh" down
compare "cluster-down again"
say "nothing was left behind"
