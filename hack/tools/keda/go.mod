module leadsman.dev/hack/tools/keda

go 1.26.0

// Nothing is built: its CRDs are files of the module.
require github.com/kedacore/keda/v2 v2.21.0
