package changes

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Kinds of a change, as Pulumi names them.
const (
	added   = pulumirpc.PropertyDiff_ADD
	deleted = pulumirpc.PropertyDiff_DELETE
	updated = pulumirpc.PropertyDiff_UPDATE
)

// replacing is the kind of a change that replaces the object.
var replacing = map[pulumirpc.PropertyDiff_Kind]pulumirpc.PropertyDiff_Kind{
	added:   pulumirpc.PropertyDiff_ADD_REPLACE,
	deleted: pulumirpc.PropertyDiff_DELETE_REPLACE,
	updated: pulumirpc.PropertyDiff_UPDATE_REPLACE,
}

// Changes are the differences between two versions of an object, by property path.
type Changes struct {
	// Properties are the changed paths and what happens to each.
	Properties map[string]*pulumirpc.PropertyDiff
	// Replaces are the paths whose change replaces the object, sorted.
	Replaces []string
}

// Find compares what an object is with what it should be. `patch` tells that the resource only patches somebody
// else's object: then only another identity replaces it.
func Find(
	current, wanted *unstructured.Unstructured, patch bool, mutability Mutability, ignored []string,
) (Changes, error) {
	finder := finder{frozen: identity, changes: Changes{Properties: map[string]*pulumirpc.PropertyDiff{}}}
	if !patch {
		finder.frozen = immutableFields(wanted, mutability)
	}
	for _, text := range ignored {
		path, err := resource.ParsePropertyPath(text)
		if err != nil {
			return Changes{}, fmt.Errorf("ignoreChanges: %q is not a property path: %w", text, err)
		}
		finder.ignored = append(finder.ignored, path)
	}
	finder.compareMaps(nil, current.Object, wanted.Object)
	slices.Sort(finder.changes.Replaces)
	return finder.changes, nil
}

type finder struct {
	frozen  []pattern
	ignored []resource.PropertyPath
	changes Changes
}

func (f *finder) compareMaps(path resource.PropertyPath, current, wanted map[string]any) {
	for key, value := range wanted {
		if before, present := current[key]; present {
			f.compare(extend(path, key), before, value)
		} else {
			f.note(extend(path, key), added, value)
		}
	}
	for key, before := range current {
		if _, present := wanted[key]; !present {
			f.note(extend(path, key), deleted, before)
		}
	}
}

func (f *finder) compareLists(path resource.PropertyPath, current, wanted []any) {
	for i := range max(len(current), len(wanted)) {
		switch {
		case i >= len(current):
			f.note(extend(path, i), added, wanted[i])
		case i >= len(wanted):
			f.note(extend(path, i), deleted, current[i])
		default:
			f.compare(extend(path, i), current[i], wanted[i])
		}
	}
}

func (f *finder) compare(path resource.PropertyPath, current, wanted any) {
	switch value := wanted.(type) {
	case map[string]any:
		if before, isMap := current.(map[string]any); isMap {
			f.compareMaps(path, before, value)
			return
		}
	case []any:
		if before, isList := current.([]any); isList {
			f.compareLists(path, before, value)
			return
		}
	default:
		if equal(current, wanted) {
			return
		}
	}
	f.note(path, updated, wanted)
}

// equal compares leaves; an unknown value equals nothing.
func equal(a, b any) bool {
	if number, isNumber := toFloat(a); isNumber {
		other, isNumber := toFloat(b)
		return isNumber && number == other
	}
	return reflect.DeepEqual(a, b)
}

func toFloat(value any) (float64, bool) {
	switch value := value.(type) {
	case int64:
		return float64(value), true
	case float64:
		return value, true
	}
	return 0, false
}

// note records a change at a path, unless the program ignores it there.
func (f *finder) note(path resource.PropertyPath, kind pulumirpc.PropertyDiff_Kind, value any) {
	for _, ignored := range f.ignored {
		if ignored.Contains(path) {
			return
		}
	}
	text := path.String()
	change := &pulumirpc.PropertyDiff{Kind: kind, InputDiff: kind == deleted}
	if slices.ContainsFunc(f.frozen, func(frozen pattern) bool { return frozen.touches(path, value) }) ||
		kind == deleted && text == "metadata" {
		change.Kind = replacing[kind]
		f.changes.Replaces = append(f.changes.Replaces, text)
	}
	f.changes.Properties[text] = change
}

// touches tells whether a change of value at path changes a field of the pattern: the path is at or below the
// field, or the value contains the field.
func (p pattern) touches(path resource.PropertyPath, value any) bool {
	for i, element := range p {
		if i == len(path) {
			return contains(value, p[i:])
		}
		if index, isIndex := path[i].(int); isIndex {
			if element != "*" && element != strconv.Itoa(index) {
				return false
			}
		} else if path[i] != element {
			return false
		}
	}
	return true
}

func contains(value any, rest pattern) bool {
	if len(rest) == 0 {
		return true
	}
	switch value := value.(type) {
	case map[string]any:
		element, present := value[rest[0]]
		return present && contains(element, rest[1:])
	case []any:
		return rest[0] == "*" && slices.ContainsFunc(value, func(element any) bool { return contains(element, rest[1:]) })
	}
	return false
}

func extend(path resource.PropertyPath, element any) resource.PropertyPath {
	return append(slices.Clip(path), element)
}
