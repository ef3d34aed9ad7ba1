package object

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// builtin are Kubernetes' own API groups; the other groups come from CustomResourceDefinitions.
var builtin = []string{
	"", "admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "apps", "autoscaling", "batch",
	"certificates.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "extensions",
	"flowcontrol.apiserver.k8s.io", "networking.k8s.io", "node.k8s.io", "policy", "rbac.authorization.k8s.io",
	"resource.k8s.io", "scheduling.k8s.io", "storage.k8s.io", "storagemigration.k8s.io",
}

// IsBuiltin tells whether an API group is Kubernetes' own.
func IsBuiltin(group string) bool {
	return slices.Contains(builtin, group)
}

// unsupported are resources of the official provider that are not objects of the API server.
var unsupported = map[string]string{
	"kubernetes:helm.sh/v3:Release":     "Helm releases",
	"kubernetes:helm.sh/v4:Chart":       "Helm charts",
	"kubernetes:yaml/v2:ConfigFile":     "YAML files (yaml.v2)",
	"kubernetes:yaml/v2:ConfigGroup":    "YAML files (yaml.v2)",
	"kubernetes:kustomize/v2:Directory": "Kustomize directories",
}

// Kind is the Kubernetes kind of a resource's type token. A Patch resource has the kind that it patches.
func Kind(urn resource.URN) (schema.GroupVersionKind, error) {
	token := string(urn.Type())
	if what, known := unsupported[token]; known {
		return schema.GroupVersionKind{}, fmt.Errorf(
			"%s: this stand-in of the kubernetes provider does not do %s: install the official plugin", token, what)
	}
	parts := strings.Split(token, ":")
	if len(parts) != 3 || parts[0] != "kubernetes" {
		return schema.GroupVersionKind{}, fmt.Errorf("%s is not a resource of the kubernetes provider", token)
	}
	group, version, found := strings.Cut(parts[1], "/")
	if !found || strings.Contains(version, "/") {
		return schema.GroupVersionKind{}, fmt.Errorf("%s: %q is not a group and a version", token, parts[1])
	}
	if group == "core" {
		group = ""
	}
	kind := parts[2]
	if IsBuiltin(group) {
		if strings.HasSuffix(kind, "List") {
			return schema.GroupVersionKind{}, fmt.Errorf("%s: list resources exist for compatibility with YAML manifests "+
				"and Helm charts, and cannot be created directly. Use the underlying resource type instead", token)
		}
		kind = strings.TrimSuffix(kind, "Patch")
	}
	return schema.GroupVersionKind{Group: group, Version: version, Kind: kind}, nil
}

// IsPatch tells whether a resource patches somebody else's object.
func IsPatch(urn resource.URN, inputs *unstructured.Unstructured) bool {
	patched, isPatch := strings.CutSuffix(string(urn.Type().Name()), "Patch")
	return isPatch && inputs.GetKind() == patched
}
