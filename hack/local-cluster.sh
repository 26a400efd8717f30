#!/usr/bin/env bash
# A Kubernetes of one node out of processes of this machine, for Linux machines without a Docker engine. Called by hack/cluster.sh.
#   hack/local-cluster.sh up|down|status          state: $LEADSMAN_CLUSTER_STATE, default /var/lib/leadsman-cluster
#
# Every process that `up` starts carries LEADSMAN_CLUSTER=$STATE in its environment, and every pod runs in the cgroup $CGROUP:
# by these two `down` finds all that is ours, even when `up` was killed half-way and no pid was ever written down.
set -eEuo pipefail
trap 'echo "error: ${0##*/}:$LINENO: $BASH_COMMAND" >&2' ERR # no failure is silent
source "$(dirname "$0")/lib.sh"

NODE=node1 NODE_IP=10.250.0.1 PORT=16443 SERVICES=10.96.0.0/16 PODS=10.244.0.0/24 DNS_IP=10.96.0.10
BRIDGE=leadsman0 CGROUP=leadsman
SOCK=$STATE/run/containerd.sock
DEBIAN_PACKAGES=(etcd-server containerd runc containernetworking-plugins iptables iproute2 conntrack socat openssl procps util-linux mount)
DEBIAN_PROGRAMS=(etcd containerd runc /usr/lib/cni/ptp iptables ip conntrack socat openssl sysctl setsid mount)
# What kubelet and the pod network change in the kernel; put back by `down`.
SYSCTLS=(net.ipv4.ip_forward net.ipv4.conf.all.route_localnet vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops
  kernel.keys.root_maxkeys kernel.keys.root_maxbytes)
# Directories outside $STATE in which containerd, the pod network and kubelet insist on writing.
FOREIGN_DIRS=(/run/netns /run/containerd /var/lib/cni /var/log/pods /var/log/containers)

ours() { grep -lzxsF "LEADSMAN_CLUSTER=$STATE" /proc/[0-9]*/environ | cut -d/ -f3; }
in_pods() { find /sys/fs/cgroup -path "*/$CGROUP/*" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u; }
ctr_() { ctr -a "$SOCK" -n k8s.io "$@"; }

# --- up -------------------------------------------------------------------------------------------------------------

alive() { # alive PART: the process in its pid file is still the one that we started, not a later one with the same number
  local pid; pid=$(cat "$STATE/pid/$1" 2>/dev/null) && [ -n "$pid" ] && grep -qzxsF "LEADSMAN_PART=$1" "/proc/$pid/environ"
}

start() { # start PART COMMAND...: in a session of its own, with a log and a pid file
  local part=$1; shift
  ! alive "$part" || return 0
  LEADSMAN_PART=$part setsid bash -c 'echo $$ >"$0"; exec "$@"' "$STATE/pid/$part" "$@" >>"$STATE/log/$part.log" 2>&1 </dev/null 9>&- &
}

wait_for() { # wait_for PART COMMAND...: until the command succeeds; gives up early when the part has died
  local part=$1 try; shift
  for (( try = 0; try < 400; try++ )); do
    ! "$@" >/dev/null 2>&1 || return 0
    if (( try > 20 )) && ! alive "$part"; then break; fi
    sleep 0.15
  done
  tail -n 20 "$STATE/log/$part.log" >&2
  die "$part did not come up; its log is $STATE/log/$part.log"
}

install_packages() {
  local program missing=
  for program in "${DEBIAN_PROGRAMS[@]}"; do command -v "$program" >/dev/null || missing+=" $program"; done
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null || die "missing on this machine:$missing"
  # Not marked as ours: a package manager killed in the middle leaves the machine broken.
  progress "installing Debian packages for$missing" env -u LEADSMAN_CLUSTER DEBIAN_FRONTEND=noninteractive sh -c \
    'apt-get update && apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"' apt "${DEBIAN_PACKAGES[@]}"
}

remember_machine() { # once: what `down` has to put back
  [ ! -f "$STATE/before" ] || return 0
  {
    local key dir
    for key in "${SYSCTLS[@]}"; do ! sysctl -n "$key" >/dev/null 2>&1 || echo "sysctl $key $(sysctl -n "$key")"; done
    for dir in "${FOREIGN_DIRS[@]}"; do [ -e "$dir" ] || echo "absent $dir"; done
  } >"$STATE/before.tmp"
  mv "$STATE/before.tmp" "$STATE/before"
}

certificate() { # certificate NAME SUBJECT [EXTENSIONS]
  local at=$STATE/pki/$1
  openssl req -newkey rsa:2048 -nodes -keyout "$at.key" -out "$at.csr" -subj "$2" 2>/dev/null
  openssl x509 -req -in "$at.csr" -CA "$STATE/pki/ca.crt" -CAkey "$STATE/pki/ca.key" -CAcreateserial -out "$at.crt" -days 3650 \
    -extfile <(printf '%s\n' "${3:-}") 2>/dev/null
}

certificates() {
  [ ! -f "$STATE/pki/done" ] || return 0
  openssl genrsa -out "$STATE/pki/sa.key" 2048 2>/dev/null
  openssl rsa -in "$STATE/pki/sa.key" -pubout -out "$STATE/pki/sa.pub" 2>/dev/null
  openssl req -x509 -newkey rsa:2048 -nodes -keyout "$STATE/pki/ca.key" -out "$STATE/pki/ca.crt" -subj /CN=leadsman-local-ca -days 3650 2>/dev/null
  certificate apiserver /CN=kube-apiserver \
    "subjectAltName=DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:localhost,IP:127.0.0.1,IP:$NODE_IP,IP:10.96.0.1"
  certificate admin /O=system:masters/CN=admin
  touch "$STATE/pki/done"
}

kubeconfig() {
  local tmp=$KUBECONFIG.tmp
  rm -f "$tmp"
  kubectl --kubeconfig="$tmp" config set-cluster leadsman --server="https://$NODE_IP:$PORT" --certificate-authority="$STATE/pki/ca.crt" --embed-certs
  kubectl --kubeconfig="$tmp" config set-credentials admin --client-certificate="$STATE/pki/admin.crt" --client-key="$STATE/pki/admin.key" --embed-certs
  kubectl --kubeconfig="$tmp" config set-context leadsman --cluster=leadsman --user=admin
  kubectl --kubeconfig="$tmp" config use-context leadsman
  mv "$tmp" "$KUBECONFIG"
}

network() {
  # The node needs an address that is not loopback: a bridge without ports gives one that exists nowhere else.
  ip link show "$BRIDGE" >/dev/null 2>&1 || ip link add "$BRIDGE" type bridge
  ip address replace "$NODE_IP/24" dev "$BRIDGE"
  ip link set "$BRIDGE" up
  sysctl -qw net.ipv4.ip_forward=1
  # Each pod is routed, not bridged: answers of a Service pass the host's connection tracking without br_netfilter.
  # No masquerading: pods reach each other and this machine, and nothing else.
  cat >"$STATE/cni/10-leadsman.conflist" <<JSON
{"cniVersion": "1.0.0", "name": "leadsman", "plugins": [
  {"type": "ptp", "ipMasq": false,
   "ipam": {"type": "host-local", "dataDir": "$STATE/run/cni", "ranges": [[{"subnet": "$PODS"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
}

control_plane() {
  start etcd etcd --data-dir "$STATE/etcd" --listen-client-urls http://127.0.0.1:23790 --advertise-client-urls http://127.0.0.1:23790 \
    --listen-peer-urls http://127.0.0.1:23800 --initial-advertise-peer-urls http://127.0.0.1:23800 \
    --initial-cluster default=http://127.0.0.1:23800 --unsafe-no-fsync
  start kube-apiserver "$KUBE/kube-apiserver" --etcd-servers=http://127.0.0.1:23790 \
    --secure-port=$PORT --bind-address=$NODE_IP --advertise-address=$NODE_IP --cert-dir="$STATE/pki" \
    --tls-cert-file="$STATE/pki/apiserver.crt" --tls-private-key-file="$STATE/pki/apiserver.key" --client-ca-file="$STATE/pki/ca.crt" \
    --service-account-key-file="$STATE/pki/sa.pub" --service-account-signing-key-file="$STATE/pki/sa.key" \
    --service-account-issuer=https://kubernetes.default.svc --authorization-mode=Node,RBAC --service-cluster-ip-range=$SERVICES \
    --kubelet-client-certificate="$STATE/pki/admin.crt" --kubelet-client-key="$STATE/pki/admin.key" --kubelet-preferred-address-types=InternalIP
  wait_for kube-apiserver kubectl get --raw /readyz
  # All parts use the administrator's certificate: this is a machine for tests, and who may do what is tested with service accounts.
  start kube-controller-manager "$KUBE/kube-controller-manager" --kubeconfig="$KUBECONFIG" --root-ca-file="$STATE/pki/ca.crt" \
    --service-account-private-key-file="$STATE/pki/sa.key" --use-service-account-credentials --leader-elect=false --bind-address=127.0.0.1
  start kube-scheduler "$KUBE/kube-scheduler" --kubeconfig="$KUBECONFIG" --leader-elect=false --bind-address=127.0.0.1
}

containerd_config() { # no pod may lower its out-of-memory score: machines without CAP_SYS_RESOURCE refuse that, and no sandbox would start
  cat <<TOML
version = 2
root = "$STATE/containerd"
state = "$STATE/run"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "$SOCK"
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  sandbox_image = "$PAUSE_IMAGE"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$STATE/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = "$(command -v runc)"
      Root = "$STATE/run/runc"
TOML
}

kubelet_config() {
  cat <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_IP
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $STATE/pki/ca.crt}}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
cgroupRoot: /$CGROUP
failCgroupV1: false
failSwapOn: false
clusterDNS: [$DNS_IP]
clusterDomain: cluster.local
containerRuntimeEndpoint: unix://$SOCK
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, nodefs.inodesFree: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100   # images are loaded, not pulled: one that is thrown away does not come back
makeIPTablesUtilChains: false
oomScoreAdj: 0
podLogsDir: $STATE/log/pods
resolvConf: $STATE/resolv.conf
volumePluginDir: $STATE/kubelet/volume-plugins
YAML
}

cgroups() { # one in every hierarchy (version 1), or one in the only hierarchy (version 2)
  local dir
  if [ -f /sys/fs/cgroup/cgroup.controllers ]; then mkdir -p "/sys/fs/cgroup/$CGROUP"; return; fi
  for dir in /sys/fs/cgroup/*/; do ! mountpoint -q "$dir" || mkdir -p "$dir$CGROUP"; done
}

node() {
  containerd_config >"$STATE/containerd.toml"
  kubelet_config >"$STATE/kubelet.yaml"
  : >"$STATE/resolv.conf" # pods resolve the cluster's names and no others
  start containerd containerd -c "$STATE/containerd.toml"
  wait_for containerd ctr_ version
  "$ROOT/hack/images.sh" system
  cgroups
  start kubelet "$KUBE/kubelet" --kubeconfig="$KUBECONFIG" --config="$STATE/kubelet.yaml" --root-dir="$STATE/kubelet" \
    --hostname-override=$NODE --node-ip=$NODE_IP
  start kube-proxy "$KUBE/kube-proxy" --kubeconfig="$KUBECONFIG" --cluster-cidr=$PODS --hostname-override=$NODE --proxy-mode=iptables \
    --iptables-localhost-nodeports=false --nodeport-addresses=$NODE_IP/32 --oom-score-adj=0 \
    --healthz-bind-address=127.0.0.1 --metrics-bind-address=127.0.0.1 \
    --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0
  wait_for kubelet kubectl wait --for=condition=Ready --timeout=5s "node/$NODE"
  wait_for kube-controller-manager kubectl -n default get serviceaccount default
}

up() {
  [ "$(uname -s)" = Linux ] || die "without kind and a Docker engine the cluster needs Linux; or set CLUSTER=existing and KUBECONFIG"
  [ "$(id -u)" = 0 ] || die "without kind and a Docker engine the cluster needs root (it makes network interfaces and cgroups); or set CLUSTER=existing and KUBECONFIG"
  mkdir -p "$STATE"
  exec 9>"$STATE/.lock"; flock -w 900 9 || die "another cluster-up or cluster-down is at work"
  export LEADSMAN_CLUSTER=$STATE
  install_packages
  KUBE=$("$ROOT/hack/build-tools.sh" kubernetes)
  mkdir -p "$STATE"/{pki,log/pods,pid,run,etcd,containerd,cni,kubelet}
  remember_machine
  say "starting Kubernetes $(tool_version kubernetes) in $STATE"
  certificates
  kubeconfig >/dev/null
  network
  control_plane
  PAUSE_IMAGE=$("$ROOT/hack/images.sh" name pause)
  node
}

# --- down -----------------------------------------------------------------------------------------------------------

running() { # running STATES PID...: those that are there in one of these states
  local states=$1 pid; shift
  for pid in "$@"; do ! grep -qs "^State:.[$states]" "/proc/$pid/status" || echo "$pid"; done
}
kill_all() { # nothing that is ours has state worth an orderly end: all of it is deleted next
  local try pids='' killed=''
  for (( try = 0; try < 150; try++ )); do
    pids=$({ ours; in_pods; } | grep -vxF "$$" || true)
    # A process that ends has no environment any more, and is a zombie (Z) while its last threads still hold what it had open.
    # shellcheck disable=SC2086 # lists of numbers
    [ -n "$pids$(running RSDTZ $killed)" ] || return 0
    # shellcheck disable=SC2086
    [ -z "$pids" ] || kill -KILL $pids 2>/dev/null || true
    killed+=" $pids"
    sleep 0.1
  done
  # shellcheck disable=SC2086
  pids=$(running RSDT $killed)
  [ -z "$pids" ] || die "these processes do not end: $(ps -o pid=,args= -p "$(paste -sd, <<<"$pids")")"
}

unmount_all() { # what is mounted below our directories, the innermost first
  local try
  for (( try = 0; try < 5; try++ )); do
    awk -v a="$STATE/" -v b="$CACHE/buildah/" 'index($2, a) == 1 || index($2, b) == 1 {print $2}' /proc/self/mounts | sort -r \
      | while read -r at; do umount "$at" 2>/dev/null || umount -l "$at" 2>/dev/null || true; done
  done
}

interfaces_gone() {
  local link
  for link in $(ip -o route show root "$PODS" | sed -n 's/.* dev \([^ ]*\).*/\1/p' | sort -u); do ip link delete "$link" 2>/dev/null || true; done
  ip link delete "$BRIDGE" 2>/dev/null || true
}

# Delete the chains of kube-proxy and the pod network and the jumps to them, one transaction a table, and touch no other rule.
firewall_clean() {
  local save restore family table
  for family in iptables ip6tables; do
    save=$family-save restore=$family-restore
    command -v $save >/dev/null || continue
    for table in nat filter mangle raw; do
      $save -t $table 2>/dev/null | awk -v table=$table '
        $1 ~ /^:(KUBE|CNI)-/ { chain = substr($1, 2); flush = flush "-F " chain "\n"; drop = drop "-X " chain "\n" }
        $1 == "-A" && $2 !~ /^(KUBE|CNI)-/ && / -j (KUBE|CNI)-/ { sub(/^-A/, "-D"); jumps = jumps $0 "\n" }
        END { if (flush jumps != "") print "*" table "\n" jumps flush drop "COMMIT" }' | grep -v '^$' | $restore --noflush 2>/dev/null || true
    done
  done
}

cgroups_gone() {
  local try
  for (( try = 0; try < 20; try++ )); do
    find /sys/fs/cgroup \( -path "*/$CGROUP" -o -path "*/$CGROUP/*" \) -type d -depth -exec rmdir {} + 2>/dev/null || true
    [ -n "$(find /sys/fs/cgroup -maxdepth 2 -name "$CGROUP")" ] || return 0
    sleep 0.1
  done
}

foreign_files_gone() { # only what is certainly ours, then directories that are empty and were not there before
  local socket link result id
  for result in /var/lib/cni/results/leadsman-*-eth0; do
    id=${result##*/leadsman-} id=${id%-eth0}
    rm -f "$result" "/var/lib/cni/results/cni-loopback-$id-lo"
  done
  for link in /var/log/containers/*; do
    case $(readlink "$link" || true) in "$STATE"/*) rm -f "$link" ;; esac
  done
  for socket in /run/containerd/s/*; do grep -qsF "$socket" /proc/net/unix || rm -f "$socket"; done
}

machine_as_before() {
  [ -f "$STATE/before" ] || return 0
  local what name value
  while read -r what name value; do
    case $what in
      sysctl) [ "$(sysctl -n "$name")" = "$value" ] || sysctl -qw "$name=$value" ;;
      absent)
        ! mountpoint -q "$name" || umount "$name" 2>/dev/null || true
        [ ! -d "$name" ] || find "$name" -depth -type d -empty -delete ;;
    esac
  done <"$STATE/before"
}

down() {
  unset LEADSMAN_CLUSTER
  [ -d "$STATE" ] || return 0
  [ "$(id -u)" = 0 ] || die "cluster-down needs root, as cluster-up did"
  say "removing the cluster in $STATE"
  kill_all # first of all: it also ends a cluster-up that still runs and holds the lock
  exec 9>"$STATE/.lock"; flock -w 60 9 || die "another cluster-down is at work"
  unmount_all
  interfaces_gone
  firewall_clean
  cgroups_gone
  foreign_files_gone
  machine_as_before
  rm -rf "$STATE"
}

status() {
  local part bad=0
  [ -d "$STATE/pid" ] || { echo "the local cluster is down"; return 1; }
  for part in etcd kube-apiserver kube-controller-manager kube-scheduler containerd kubelet kube-proxy; do
    if alive $part; then echo "$part: up"; else echo "$part: DOWN (log: $STATE/log/$part.log)"; bad=1; fi
  done
  exit $bad
}

use_cluster
case ${1:-} in
  up) use_venv; up ;;
  down) down ;;
  status) status ;;
  *) die "usage: $0 up|down|status" ;;
esac
