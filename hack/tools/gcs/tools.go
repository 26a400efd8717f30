//go:build tools

// Package tools names the main package that hack/build-tools.sh builds, so that go.sum locks all it needs.
package tools

import _ "github.com/fsouza/fake-gcs-server"
