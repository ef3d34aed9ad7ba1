// Package object covers what the provider knows about one Kubernetes object without asking a cluster: how inputs,
// live objects and Pulumi's state turn into each other, names, annotations and secrets.
package object

import (
	"math"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// dashed are keys of CustomResourceDefinitions that programs write with underscores, because a dash cannot be in a
// property's name in most languages.
var dashed = map[string]string{
	"x_kubernetes_embedded_resource":       "x-kubernetes-embedded-resource",
	"x_kubernetes_int_or_string":           "x-kubernetes-int-or-string",
	"x_kubernetes_list_map_keys":           "x-kubernetes-list-map-keys",
	"x_kubernetes_list_type":               "x-kubernetes-list-type",
	"x_kubernetes_map_type":                "x-kubernetes-map-type",
	"x_kubernetes_preserve_unknown_fields": "x-kubernetes-preserve-unknown-fields",
	"x_kubernetes_validations":             "x-kubernetes-validations",
}

var underscored = func() map[string]string {
	reverse := make(map[string]string, len(dashed))
	for underscore, dash := range dashed {
		reverse[dash] = underscore
	}
	return reverse
}()

// FromProperties makes an object from properties. Secrets lose their mark, unknown values stay resource.Computed,
// nulls inside mappings are dropped, integers become int64 as everywhere in Kubernetes' libraries.
func FromProperties(properties resource.PropertyMap) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: plainMap(properties)}
}

func plainMap(properties resource.PropertyMap) map[string]any {
	result := make(map[string]any, len(properties))
	for key, value := range properties {
		if plain := plainValue(value); plain != nil {
			name := string(key)
			if dash, known := dashed[name]; known {
				name = dash
			}
			result[name] = plain
		}
	}
	return result
}

func plainValue(value resource.PropertyValue) any {
	switch {
	case value.IsSecret():
		return plainValue(value.SecretValue().Element)
	case value.IsOutput():
		if output := value.OutputValue(); output.Known {
			return plainValue(output.Element)
		}
		return resource.Computed{Element: resource.NewStringProperty("")}
	case value.IsComputed():
		return value.Input()
	case value.IsObject():
		return plainMap(value.ObjectValue())
	case value.IsArray():
		elements := make([]any, 0, len(value.ArrayValue()))
		for _, element := range value.ArrayValue() {
			elements = append(elements, plainValue(element))
		}
		return elements
	case value.IsNumber():
		number := value.NumberValue()
		if number == math.Trunc(number) && math.Abs(number) < 1<<53 {
			return int64(number)
		}
		return number
	case value.IsBool():
		return value.BoolValue()
	case value.IsString():
		return value.StringValue()
	}
	return nil
}

// ToProperties makes properties from an object.
func ToProperties(object map[string]any) resource.PropertyMap {
	return resource.NewPropertyMapFromMapRepl(object, func(key string) (resource.PropertyKey, bool) {
		underscore, known := underscored[key]
		return resource.PropertyKey(underscore), known
	}, nil)
}

// HasUnknown tells whether a value contains something that is only known after deployment.
func HasUnknown(value any) bool {
	switch value := value.(type) {
	case resource.Computed:
		return true
	case map[string]any:
		for _, element := range value {
			if HasUnknown(element) {
				return true
			}
		}
	case []any:
		for _, element := range value {
			if HasUnknown(element) {
				return true
			}
		}
	}
	return false
}

// Copy copies a tree of mappings and lists; the leaves are shared.
func Copy(value any) any {
	switch value := value.(type) {
	case map[string]any:
		result := make(map[string]any, len(value))
		for key, element := range value {
			result[key] = Copy(element)
		}
		return result
	case []any:
		result := make([]any, len(value))
		for i, element := range value {
			result[i] = Copy(element)
		}
		return result
	}
	return value
}

// CopyOf copies an object; unlike DeepCopy it handles unknown values.
func CopyOf(object *unstructured.Unstructured) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: Copy(object.Object).(map[string]any)}
}
