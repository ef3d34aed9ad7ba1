package object

import (
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Annotations by which a program tells the provider what to do with an object.
const (
	Autonamed         = "pulumi.com/autonamed"
	SkipAwait         = "pulumi.com/skipAwait"
	WaitFor           = "pulumi.com/waitFor"
	TimeoutSeconds    = "pulumi.com/timeoutSeconds"
	ReplaceUnready    = "pulumi.com/replaceUnready"
	PatchForce        = "pulumi.com/patchForce"
	PatchFieldManager = "pulumi.com/patchFieldManager"
	DeletionPolicy    = "pulumi.com/deletionPropagationPolicy"
)

// DefaultTimeout is how long the provider waits for an object to become ready or to be gone.
const DefaultTimeout = 10 * time.Minute

// Annotation is the value of an annotation, empty if it is missing or not known yet.
func Annotation(object *unstructured.Unstructured, name string) string {
	metadata, _ := object.Object["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	value, _ := annotations[name].(string)
	return value
}

// IsTrue tells whether an annotation says "true".
func IsTrue(object *unstructured.Unstructured, name string) bool {
	return Annotation(object, name) == "true"
}

// Timeout is how long to wait: the resource option first, then the annotation, then the default.
func Timeout(option float64, object *unstructured.Unstructured) time.Duration {
	if option > 0 {
		return time.Duration(option * float64(time.Second))
	}
	if seconds, err := strconv.Atoi(Annotation(object, TimeoutSeconds)); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	return DefaultTimeout
}

// DeletionPropagation is what happens to the objects that an object owns when it is deleted.
func DeletionPropagation(object *unstructured.Unstructured) metav1.DeletionPropagation {
	switch strings.ToLower(Annotation(object, DeletionPolicy)) {
	case "orphan":
		return metav1.DeletePropagationOrphan
	case "background":
		return metav1.DeletePropagationBackground
	}
	return metav1.DeletePropagationForeground
}

// annotate sets an annotation unless the metadata is not known yet.
func annotate(object *unstructured.Unstructured, name, value string) {
	metadata, isMap := object.Object["metadata"].(map[string]any)
	if !isMap {
		return
	}
	annotations, isMap := metadata["annotations"].(map[string]any)
	if !isMap {
		if metadata["annotations"] != nil {
			return
		}
		annotations = map[string]any{}
		metadata["annotations"] = annotations
	}
	annotations[name] = value
}
