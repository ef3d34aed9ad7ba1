package object

import (
	"encoding/base64"
	"sync"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// scheme knows the types that convert inputs into the form that the API server stores.
var scheme = sync.OnceValue(func() *runtime.Scheme {
	types := runtime.NewScheme()
	builder := runtime.NewSchemeBuilder(
		admissionv1.AddToScheme, appsv1.AddToScheme, autoscalingv1.AddToScheme, autoscalingv2.AddToScheme,
		batchv1.AddToScheme, coordinationv1.AddToScheme, corev1.AddToScheme, discoveryv1.AddToScheme,
		networkingv1.AddToScheme, policyv1.AddToScheme, rbacv1.AddToScheme, schedulingv1.AddToScheme, storagev1.AddToScheme,
	)
	if err := builder.AddToScheme(types); err != nil {
		panic(err)
	}
	return types
})

// readOnly are fields of the metadata that only the API server writes.
var readOnly = []string{
	"creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields", "resourceVersion", "uid",
}

// Normalize converts inputs into the form in which the API server would show them, so that equivalent values
// compare as equal: quantities, base64, a Secret's stringData. Inputs of unknown kinds or with unknown values only
// lose the fields that nobody but the API server may write.
func Normalize(inputs *unstructured.Unstructured) *unstructured.Unstructured {
	result := CopyOf(inputs)
	group := result.GroupVersionKind().Group
	switch {
	case HasUnknown(result.Object) || !IsBuiltin(group):
	case group == "" && result.GetKind() == "Secret":
		normalizeSecret(result.Object)
	case group == "apiextensions.k8s.io" && result.GetKind() == "CustomResourceDefinition":
		normalizeDefinition(result.Object)
	default:
		if typed := throughType(result); typed != nil {
			result.Object = Prune(typed, result.Object)
		}
	}
	if metadata, isMap := result.Object["metadata"].(map[string]any); isMap {
		for _, field := range readOnly {
			delete(metadata, field)
		}
	}
	return result
}

// throughType converts inputs to their Go type and back, nil if that fails.
func throughType(inputs *unstructured.Unstructured) map[string]any {
	typed, err := scheme().New(inputs.GroupVersionKind())
	if err != nil {
		return nil
	}
	converter := runtime.DefaultUnstructuredConverter
	if err := converter.FromUnstructured(inputs.Object, typed); err != nil {
		return nil
	}
	result, err := converter.ToUnstructured(typed)
	if err != nil {
		return nil
	}
	return result
}

func normalizeSecret(secret map[string]any) {
	data, _ := secret["data"].(map[string]any)
	if data == nil {
		data = map[string]any{}
	}
	for key, value := range data {
		if text, isText := value.(string); isText {
			if decoded, err := base64.StdEncoding.DecodeString(text); err == nil {
				data[key] = base64.StdEncoding.EncodeToString(decoded)
			}
		}
	}
	if texts, _ := secret["stringData"].(map[string]any); len(texts) > 0 {
		for key, value := range texts {
			if text, isText := value.(string); isText {
				data[key] = base64.StdEncoding.EncodeToString([]byte(text))
			}
		}
		delete(secret, "stringData")
	}
	if len(data) > 0 {
		secret["data"] = data
	}
}

// normalizeDefinition drops what the API server drops from a CustomResourceDefinition.
func normalizeDefinition(definition map[string]any) {
	delete(definition, "status")
	if preserve, found, err := unstructured.NestedBool(definition, "spec", "preserveUnknownFields"); err == nil && found && !preserve {
		unstructured.RemoveNestedField(definition, "spec", "preserveUnknownFields")
	}
}
