// Command gitops says what GitOps tools make of objects. It reads one JSON object per line, and answers each with a line:
// the health that Argo CD shows by the scripts under the directory it is given, and the status that Flux waits for.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	longestLine = 4 << 20     // etcd takes no object as large
	longestRun  = time.Second // what Argo CD gives a script
)

type verdict struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

type answer struct {
	Argo    *verdict `json:"argo"` // nil for a kind without a script: Argo CD shows no health of it
	Kstatus verdict  `json:"kstatus"`
}

func main() {
	if len(os.Args) != 2 {
		fail(fmt.Errorf("usage: gitops RESOURCE_CUSTOMIZATIONS <objects"))
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, longestLine)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		object := &unstructured.Unstructured{}
		fail(object.UnmarshalJSON(lines.Bytes()))
		argo, err := argoHealth(os.Args[1], object)
		fail(err)
		flux, err := status.Compute(object)
		fail(err)
		fail(answers.Encode(answer{argo, verdict{string(flux.Status), flux.Message}}))
	}
	fail(lines.Err())
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "gitops:", err)
		os.Exit(1)
	}
}

// argoHealth runs <directory>/<group>/<kind>/health.lua as Argo CD runs a script of argocd-cm.
func argoHealth(directory string, object *unstructured.Unstructured) (*verdict, error) {
	kind := object.GroupVersionKind()
	script, err := os.ReadFile(filepath.Join(directory, kind.Group, kind.Kind, "health.lua"))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	openLibraries(state)
	limit, cancel := context.WithTimeout(context.Background(), longestRun)
	defer cancel()
	state.SetContext(limit)
	state.SetGlobal("obj", toLua(state, object.Object))
	if err := state.DoString(string(script)); err != nil {
		return nil, err
	}
	health, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return nil, fmt.Errorf("the script for %s returns no table", kind.Kind)
	}
	return &verdict{lua.LVAsString(health.RawGetString("status")), lua.LVAsString(health.RawGetString("message"))}, nil
}

// openLibraries opens what Argo CD opens, but for its cut-down os library: a script has no strings and no mathematics.
func openLibraries(state *lua.LState) {
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}} {
		state.Push(state.NewFunction(library.open))
		state.Push(lua.LString(library.name))
		state.Call(1, 0)
	}
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case map[string]any:
		table := state.NewTable()
		for key, item := range value {
			table.RawSetString(key, toLua(state, item))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, item := range value {
			table.Append(toLua(state, item))
		}
		return table
	case string:
		return lua.LString(value)
	case bool:
		return lua.LBool(value)
	case int64:
		return lua.LNumber(value)
	case float64:
		return lua.LNumber(value)
	default:
		return lua.LNil
	}
}
