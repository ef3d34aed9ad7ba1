package await

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func parseObject(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	encoded, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(encoded); err != nil {
		t.Fatal(err)
	}
	return object
}

const (
	owner      = "metadata: {name: x, uid: u, generation: 2}"
	ownedBy    = "ownerReferences: [{apiVersion: v1, kind: K, name: x, uid: u}]"
	failedPod  = "{apiVersion: v1, kind: Pod, metadata: {name: p, " + ownedBy + "}, status: {containerStatuses: [{name: c, state: {terminated: {exitCode: 3, reason: Error, message: why}}}]}}"
	donePod    = "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ns, " + ownedBy + "}, status: {containerStatuses: [{name: c, state: {terminated: {exitCode: 0, reason: Completed, message: all done}}}]}}"
	waitingPod = "{apiVersion: v1, kind: Pod, metadata: {name: p, " + ownedBy + "}, status: {containerStatuses: [{name: c, state: {waiting: {reason: ImagePullBackOff, message: no such image}}}]}}"
)

func TestRules(t *testing.T) {
	cases := map[string]struct {
		object   string
		related  map[string][]string
		quiet    time.Duration
		creating bool
		ready    bool
		failed   string
		problem  string
		result   string
	}{
		"deployment ready": {
			object: "{apiVersion: apps/v1, kind: Deployment, " + owner + ", spec: {replicas: 2}, status: {observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: 2}}",
			ready:  true,
		},
		"deployment not seen yet": {
			object: "{apiVersion: apps/v1, kind: Deployment, " + owner + ", spec: {replicas: 2}, status: {observedGeneration: 1, replicas: 2, updatedReplicas: 2, availableReplicas: 2}}",
		},
		"deployment with old pods": {
			object: "{apiVersion: apps/v1, kind: Deployment, " + owner + ", spec: {replicas: 1}, status: {observedGeneration: 2, replicas: 2, updatedReplicas: 1, availableReplicas: 2}}",
		},
		"deployment too slow": {
			object: "{apiVersion: apps/v1, kind: Deployment, " + owner + ", status: {observedGeneration: 2, conditions: [{type: Progressing, status: \"False\", reason: ProgressDeadlineExceeded, message: too slow}]}}",
			failed: "ProgressDeadlineExceeded: too slow",
		},
		"stateful set ready": {
			object: "{apiVersion: apps/v1, kind: StatefulSet, " + owner + ", spec: {replicas: 3}, status: {observedGeneration: 2, replicas: 3, readyReplicas: 3, availableReplicas: 3, updatedReplicas: 3, currentRevision: b, updateRevision: b}}",
			ready:  true,
		},
		"stateful set rolling": {
			object: "{apiVersion: apps/v1, kind: StatefulSet, " + owner + ", spec: {replicas: 3}, status: {observedGeneration: 2, replicas: 3, readyReplicas: 3, availableReplicas: 3, updatedReplicas: 1, currentRevision: a, updateRevision: b}}",
		},
		"stateful set with a partition": {
			object: "{apiVersion: apps/v1, kind: StatefulSet, " + owner + ", spec: {replicas: 3, updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 2}}}, status: {observedGeneration: 2, replicas: 3, readyReplicas: 3, availableReplicas: 3, updatedReplicas: 1, currentRevision: a, updateRevision: b}}",
			ready:  true,
		},
		"stateful set without its image": {
			object:  "{apiVersion: apps/v1, kind: StatefulSet, " + owner + ", status: {observedGeneration: 2}}",
			related: map[string][]string{"Pod": {waitingPod}},
			problem: "Pod p: container c: ImagePullBackOff: no such image",
		},
		"job done": {
			object:  "{apiVersion: batch/v1, kind: Job, " + owner + ", status: {conditions: [{type: Complete, status: \"True\"}]}}",
			related: map[string][]string{"Pod": {failedPod, donePod}},
			ready:   true,
			result:  "[Pod ns/p]: [Completed] all done",
		},
		"job failed": {
			object:  "{apiVersion: batch/v1, kind: Job, " + owner + ", status: {conditions: [{type: Failed, status: \"True\", reason: BackoffLimitExceeded, message: m}]}}",
			related: map[string][]string{"Pod": {failedPod}},
			failed:  "BackoffLimitExceeded: m",
			problem: "Pod p: container c: exited with code 3: why",
		},
		"job failed for a reason that the official plugin does not know": {
			object: "{apiVersion: batch/v1, kind: Job, " + owner + ", status: {conditions: [{type: Failed, status: \"True\", reason: PodFailurePolicy, message: m}]}}",
		},
		"job suspended": {object: "{apiVersion: batch/v1, kind: Job, " + owner + ", spec: {suspend: true}}"},
		"pod unschedulable": {
			object:  "{apiVersion: v1, kind: Pod, " + owner + ", status: {conditions: [{type: PodScheduled, status: \"False\", reason: Unschedulable, message: no room}]}}",
			problem: "Pod x: Unschedulable: no room",
		},
		"headless service": {object: "{apiVersion: v1, kind: Service, " + owner + ", spec: {clusterIP: None, selector: {a: b}}}", ready: true},
		"service without a selector": {
			object: "{apiVersion: v1, kind: Service, " + owner + ", spec: {clusterIP: 1.2.3.4}}", ready: true,
		},
		"service without pods": {object: "{apiVersion: v1, kind: Service, " + owner + ", spec: {selector: {a: b}}}", problem: "does not target any Pods"},
		"service that stays without pods": {
			object: "{apiVersion: v1, kind: Service, " + owner + ", spec: {selector: {a: b}}}", quiet: settling, ready: true,
		},
		"service with pods": {
			object:  "{apiVersion: v1, kind: Service, " + owner + ", spec: {selector: {a: b}}}",
			related: map[string][]string{"EndpointSlice": {"{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, endpoints: [{conditions: {ready: true}}]}"}},
			ready:   true,
		},
		"service with an unready pod": {
			object:  "{apiVersion: v1, kind: Service, " + owner + ", spec: {selector: {a: b}}}",
			related: map[string][]string{"EndpointSlice": {"{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, endpoints: [{conditions: {ready: true}}, {conditions: {ready: false}}]}"}},
			quiet:   settling,
			problem: "not ready",
		},
		"load balancer without an address": {
			object: "{apiVersion: v1, kind: Service, " + owner + ", spec: {type: LoadBalancer}}", problem: "not allocated an IP address",
		},
		"claim that binds with its pod": {
			object:  "{apiVersion: v1, kind: PersistentVolumeClaim, " + owner + ", spec: {storageClassName: s}, status: {phase: Pending}}",
			related: map[string][]string{"StorageClass": {"{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: s}, volumeBindingMode: WaitForFirstConsumer}"}},
			ready:   true,
		},
		"claim that binds at once": {
			object:  "{apiVersion: v1, kind: PersistentVolumeClaim, " + owner + ", spec: {storageClassName: s}, status: {phase: Pending}}",
			related: map[string][]string{"StorageClass": {"{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: s}, volumeBindingMode: Immediate}"}},
		},
		"claim that a pod uses, new to the stack": {
			object:   "{apiVersion: v1, kind: PersistentVolumeClaim, " + owner + ", spec: {storageClassName: s}, status: {phase: Bound}}",
			related:  map[string][]string{"StorageClass": {"{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: s}, volumeBindingMode: WaitForFirstConsumer}"}},
			creating: true,
		},
		"claim that a pod uses": {
			object:  "{apiVersion: v1, kind: PersistentVolumeClaim, " + owner + ", spec: {storageClassName: s}, status: {phase: Bound}}",
			related: map[string][]string{"StorageClass": {"{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: s}, volumeBindingMode: WaitForFirstConsumer}"}},
			ready:   true,
		},
		"ordinary secret": {object: "{apiVersion: v1, kind: Secret, " + owner + "}", ready: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			seen := Observation{Object: parseObject(t, c.object), Related: map[string][]*unstructured.Unstructured{}, Quiet: c.quiet, Creating: c.creating}
			for kind, texts := range c.related {
				for _, text := range texts {
					seen.Related[kind] = append(seen.Related[kind], parseObject(t, text))
				}
			}
			status := For(seen.Object.GroupVersionKind()).Evaluate(seen)
			if status.Ready != c.ready || status.Failed != c.failed {
				t.Errorf("got %+v", status)
			}
			if !strings.Contains(strings.Join(status.Problems, "\n"), c.problem) {
				t.Errorf("problems %q, want %q", status.Problems, c.problem)
			}
			if got := strings.Join(status.Results, "\n"); got != c.result {
				t.Errorf("results %q, want %q", got, c.result)
			}
		})
	}
}

func TestCustom(t *testing.T) {
	const object = "{apiVersion: e.com/v1, kind: T, metadata: {name: x, generation: 2}, status: {observedGeneration: %, phase: Done, items: [{name: a, ok: true}], conditions: [{type: Ready, status: \"True\"}, {type: Paused, status: \"False\", message: on}]}}"
	cases := map[string]bool{
		"condition=Ready":                                       true,
		"condition=Paused":                                      false,
		"condition=Paused=False":                                true,
		"condition=Missing":                                     false,
		"jsonpath={.status.phase}":                              true,
		"jsonpath={.status.phase}=Done":                         true,
		"jsonpath={.status.phase}=Other":                        false,
		"jsonpath={.status.missing}":                            false,
		`jsonpath={.status.items[?(@.name=="a")].ok}=true`:      true,
		`["condition=Ready", "jsonpath={.status.phase}=Done"]`:  true,
		`["condition=Ready", "jsonpath={.status.phase}=Other"]`: false,
	}
	for annotation, ready := range cases {
		rule, err := Custom(annotation)
		if err != nil {
			t.Fatalf("%s: %v", annotation, err)
		}
		current := Observation{Object: parseObject(t, strings.Replace(object, "%", "2", 1))}
		if got := rule.Evaluate(current); got.Ready != ready {
			t.Errorf("%s: got %+v", annotation, got)
		}
		old := Observation{Object: parseObject(t, strings.Replace(object, "%", "1", 1))}
		if rule.Evaluate(old).Ready {
			t.Errorf("%s: ready by the status of an older version", annotation)
		}
	}
	for _, annotation := range []string{"", "Ready", "[]", "jsonpath=.status.phase", "jsonpath={.status.phase}=", "jsonpath={.a[}"} {
		if _, err := Custom(annotation); err == nil {
			t.Errorf("%q: accepted", annotation)
		}
	}
}
