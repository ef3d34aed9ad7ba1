// Package changes finds the differences between the last known object and new inputs, and which of them cannot be made
// without replacing the object.
package changes

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Mutability says which data may change in place although an object could have been created immutable: by default a
// change of a ConfigMap's or Secret's data replaces it, so that pods that mount it under an automatic name roll.
type Mutability struct {
	// ConfigMap allows changes of a ConfigMap's data in place, unless the object itself is immutable.
	ConfigMap bool
	// Secret allows changes of a Secret's data in place, unless the object itself is immutable.
	Secret bool
}

// pattern is a path in an object; "*" matches every element of a list.
type pattern []string

func fields(prefix pattern, names ...string) []pattern {
	result := make([]pattern, 0, len(names))
	for _, name := range names {
		result = append(result, append(append(pattern{}, prefix...), name))
	}
	return result
}

// identity is what identifies an object.
var identity = fields(pattern{"metadata"}, "name", "namespace")

var (
	spec        = pattern{"spec"}
	jobFields   = fields(spec, "completions", "parallelism", "selector", "template")
	roleBinding = fields(nil, "roleRef")
	selector    = fields(spec, "selector")
)

// immutable are the fields that the API server refuses to change, per kind. The table is the official provider's;
// anything else is left to the API server, whose refusal names the field.
var immutable = map[schema.GroupKind][]pattern{
	{Group: "apps", Kind: "DaemonSet"}:  selector,
	{Group: "apps", Kind: "Deployment"}: selector,
	{Group: "apps", Kind: "StatefulSet"}: fields(spec,
		"podManagementPolicy", "revisionHistoryLimit", "selector", "serviceName", "volumeClaimTemplates"),
	{Group: "batch", Kind: "Job"}:                                    jobFields,
	{Group: "rbac.authorization.k8s.io", Kind: "RoleBinding"}:        roleBinding,
	{Group: "rbac.authorization.k8s.io", Kind: "ClusterRoleBinding"}: roleBinding,
	{Group: "storage.k8s.io", Kind: "StorageClass"}:                  fields(nil, "parameters", "provisioner"),
	{Kind: "PersistentVolume"}: fields(spec, "awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "csi",
		"fc", "flexVolume", "flocker", "gcePersistentDisk", "glusterfs", "hostPath", "iscsi", "local", "nfs",
		"photonPersistentDisk", "portworxVolume", "quobyte", "rbd", "scaleIO", "storageos", "vsphereVolume"),
	{Kind: "PersistentVolumeClaim"}: fields(spec, "accessModes", "selector", "storageClassName", "volumeName"),
	{Kind: "Pod"}: append(append(fields(spec, "affinity", "automountServiceAccountToken", "dnsConfig", "dnsPolicy",
		"enableServiceLinks", "hostAliases", "hostIPC", "hostNetwork", "hostPID", "hostname", "imagePullSecrets", "nodeName",
		"nodeSelector", "overhead", "preemptionPolicy", "priority", "priorityClassName", "readinessGates", "restartPolicy",
		"runtimeClassName", "schedulerName", "securityContext", "serviceAccount", "serviceAccountName",
		"shareProcessNamespace", "subdomain", "terminationGracePeriodSeconds", "volumes"),
		container("containers")...), container("initContainers")...),
	{Kind: "ResourceQuota"}: fields(spec, "scopes"),
	{Kind: "Secret"}:        fields(nil, "type"),
	{Kind: "Service"}:       fields(spec, "clusterIP"),
}

func container(list string) []pattern {
	return fields(pattern{"spec", list, "*"}, "args", "command", "env", "image", "imagePullPolicy", "lifecycle",
		"livenessProbe", "ports", "readinessProbe", "resources", "securityContext", "stdin", "stdinOnce",
		"terminationMessagePath", "terminationMessagePolicy", "tty", "volumeDevices", "volumeMounts", "workingDir")
}

// immutableFields are the fields of an object whose change replaces it.
func immutableFields(inputs *unstructured.Unstructured, mutability Mutability) []pattern {
	kind := inputs.GroupVersionKind().GroupKind()
	frozen, _, _ := unstructured.NestedBool(inputs.Object, "immutable")
	result := append(append([]pattern{}, identity...), immutable[kind]...)
	switch {
	case kind == schema.GroupKind{Kind: "Secret"} && (frozen || !mutability.Secret):
		result = append(result, fields(nil, "data", "stringData")...)
	case kind == schema.GroupKind{Kind: "ConfigMap"} && (frozen || !mutability.ConfigMap):
		result = append(result, fields(nil, "data", "binaryData")...)
	}
	return result
}
