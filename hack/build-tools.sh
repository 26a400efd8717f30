#!/usr/bin/env bash
# Build what is missing of the named tool sets (default: all of them) into $CACHE/bin/NAME-VERSION, and print each one's directory.
#   hack/build-tools.sh [kubernetes|envoy-gateway|helm|coredns|pause|oci|gcs|gitops]...
# A tool set is a Go module in hack/tools: its go.mod is the one place that names the version, its go.sum pins all the rest.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

packages() { # packages NAME: the programs of a tool set
  case $1 in
    kubernetes) printf 'k8s.io/kubernetes/cmd/%s\n' kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy ;;
    envoy-gateway) echo github.com/envoyproxy/gateway/cmd/envoy-gateway ;;
    helm) echo helm.sh/helm/v3/cmd/helm ;;
    coredns | pause | gitops) echo . ;;
    gcs) echo github.com/fsouza/fake-gcs-server ;;
    oci) printf './%s\n' registry oras-pull ;;
    *) die "no such tool set: $1" ;;
  esac
}

stamps() { # stamps NAME VERSION: the linker flags by which the programs know their own version
  local name=$1 version=$2 major minor
  IFS=. read -r major minor _ <<<"${version#v}"
  case $name in
    kubernetes)
      local in=k8s.io/component-base/version
      echo "-X $in.gitVersion=$version -X $in.gitMajor=$major -X $in.gitMinor=$minor" ;;
    envoy-gateway) echo "-X github.com/envoyproxy/gateway/internal/cmd/version.envoyGatewayVersion=$version" ;;
    helm) echo "-X helm.sh/helm/v3/internal/version.version=$version" ;;
  esac
}

compile() { # compile NAME VERSION DIRECTORY
  local name=$1 version=$2 out=$3
  cd "$ROOT/hack/tools/$name"
  # shellcheck disable=SC2046 # several packages, none with a blank in its name
  CGO_ENABLED=0 go build -mod=readonly -trimpath -ldflags "-s -w $(stamps "$name" "$version")" -o "$out/" $(packages "$name")
  [ "$name" != envoy-gateway ] || envoy_gateway_chart "$version" "$out"
}

# The chart and the CRDs of Envoy Gateway are files of its Go module. The module has the values as a template only.
envoy_gateway_chart() { # envoy_gateway_chart VERSION DIRECTORY
  local module; module=$(go list -m -f '{{.Dir}}' github.com/envoyproxy/gateway)
  cp -r "$module/charts/gateway-helm" "$2/chart"
  chmod -R u+w "$2/chart"
  sed -e "s|\${GatewayImage}|docker.io/envoyproxy/gateway:$1|" -e 's|${GatewayImagePullPolicy}|IfNotPresent|' \
    "$2/chart/values.tmpl.yaml" >"$2/chart/values.yaml"
  rm "$2/chart/values.tmpl.yaml"
}

build() { # build NAME: only what is missing; never leaves half a directory under the final name
  local name=$1 dir tmp
  dir=$(tool_dir "$name")
  if [ ! -d "$dir" ]; then
    command -v go >/dev/null || die "Go is needed to build $name; install it (https://go.dev/dl) or put the programs into $dir"
    mkdir -p "$CACHE/bin"
    exec 9>"$CACHE/bin/.lock-$name"; flock 9 # two checkouts, or two tests, at once
    if [ ! -d "$dir" ]; then
      tmp=$dir.tmp; rm -rf "$tmp"; mkdir "$tmp"
      progress "building ${dir##*/}, once for all" compile "$name" "$(tool_version "$name")" "$tmp"
      mv -T "$tmp" "$dir"
    fi
    exec 9>&-
  fi
  echo "$dir"
}

(( $# )) || set -- kubernetes envoy-gateway helm coredns pause oci
for name in "$@"; do build "$name"; done
