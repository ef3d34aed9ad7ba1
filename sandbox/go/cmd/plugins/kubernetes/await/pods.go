package await

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// told are reasons of events that repeat the pods' and the Job's own status, or that are part of starting.
var told = []string{"BackOff", "BackoffLimitExceeded", "Failed", "FailedScheduling", "Unhealthy"}

// starting are reasons for waiting that are not problems.
var starting = []string{"", "ContainerCreating", "PodInitializing"}

func toPod(object *unstructured.Unstructured) *corev1.Pod {
	pod := &corev1.Pod{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, pod); err != nil {
		return nil
	}
	return pod
}

func pod(seen Observation) Status {
	pod := toPod(seen.Object)
	if pod == nil {
		return Status{Progress: "Waiting for the Pod"}
	}
	if pod.Status.Phase == corev1.PodSucceeded {
		return Status{Ready: true}
	}
	for _, entry := range pod.Status.Conditions {
		if entry.Type == corev1.PodReady && entry.Status == corev1.ConditionTrue {
			return Status{Ready: true}
		}
	}
	status := Status{Progress: "Waiting for the Pod to be ready", Problems: problemsOf(pod)}
	if pod.Status.Phase == corev1.PodFailed {
		status.Failed = "The Pod failed"
		if detail := strings.TrimSpace(pod.Status.Reason + " " + pod.Status.Message); detail != "" {
			status.Failed += ": " + detail
		}
	}
	return status
}

// podProblems is what is wrong with pods. Pods with the same problem are reported once, under the first one's name.
func podProblems(pods []*unstructured.Unstructured) []string {
	slices.SortFunc(pods, func(a, b *unstructured.Unstructured) int { return strings.Compare(a.GetName(), b.GetName()) })
	var result []string
	known := map[string]bool{}
	for _, object := range pods {
		pod := toPod(object)
		if pod == nil {
			continue
		}
		for _, problem := range problemsOf(pod) {
			what := strings.ReplaceAll(problem, pod.Name, "")
			if !known[what] {
				known[what] = true
				result = append(result, problem)
			}
		}
	}
	return result
}

// podResults are the messages left by containers that succeeded. The official plugin shows them as warnings, in these
// words (provider/pkg/await/checker/pod/check.go, 4.34), if the kubelet reports the container's end before the pod's.
func podResults(pods []*unstructured.Unstructured) []string {
	var results []string
	for _, object := range pods {
		pod := toPod(object)
		if pod == nil {
			continue
		}
		for _, status := range pod.Status.ContainerStatuses {
			if ended := status.State.Terminated; ended != nil && ended.ExitCode == 0 && ended.Message != "" {
				results = append(results, fmt.Sprintf("[Pod %s]: [%s] %s", fullName(pod), ended.Reason, ended.Message))
			}
		}
	}
	return results
}

func fullName(pod *corev1.Pod) string {
	if pod.Namespace != "" && pod.Namespace != "default" {
		return pod.Namespace + "/" + pod.Name
	}
	return pod.Name
}

func problemsOf(pod *corev1.Pod) []string {
	prefix := "Pod " + fullName(pod) + ": "
	var problems []string
	for _, entry := range pod.Status.Conditions {
		if entry.Type == corev1.PodScheduled && entry.Status == corev1.ConditionFalse && entry.Message != "" {
			problems = append(problems, prefix+entry.Reason+": "+entry.Message)
		}
	}
	if pod.Status.Phase == corev1.PodFailed && pod.Status.Reason != "" {
		problems = append(problems, prefix+strings.TrimSuffix(pod.Status.Reason+": "+pod.Status.Message, ": "))
	}
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for _, status := range list {
			for _, problem := range containerProblems(status) {
				problems = append(problems, prefix+"container "+status.Name+": "+problem)
			}
		}
	}
	return problems
}

// containerProblems is why a container does not run: what it waits for, and how it last ended.
func containerProblems(status corev1.ContainerStatus) []string {
	if status.Ready {
		return nil
	}
	var problems []string
	if waiting := status.State.Waiting; waiting != nil && !slices.Contains(starting, waiting.Reason) {
		problems = append(problems, strings.TrimSuffix(waiting.Reason+": "+waiting.Message, ": "))
	}
	for _, ended := range []*corev1.ContainerStateTerminated{status.State.Terminated, status.LastTerminationState.Terminated} {
		if ended != nil && ended.ExitCode != 0 {
			problems = append(problems, ending(ended))
			break
		}
	}
	return problems
}

func ending(ended *corev1.ContainerStateTerminated) string {
	line := fmt.Sprintf("exited with code %d", ended.ExitCode)
	if ended.Reason != "" && ended.Reason != "Error" {
		line += " (" + ended.Reason + ")"
	}
	if message := strings.TrimSpace(ended.Message); message != "" {
		line += ": " + message
	}
	return line
}

// warnings are the messages of events about the object or what belongs to it, one per cause.
func warnings(seen Observation, events []unstructured.Unstructured) []string {
	about := map[types.UID]bool{seen.Object.GetUID(): true}
	for _, kind := range []string{podKind.Kind, replicaSetKind.Kind} {
		for _, object := range seen.Related[kind] {
			about[object.GetUID()] = true
		}
	}
	var result []string
	known := map[string]bool{}
	for _, event := range events {
		reason := text(event.Object, "reason")
		if !about[types.UID(text(event.Object, "involvedObject", "uid"))] || known[reason] || slices.Contains(told, reason) {
			continue
		}
		known[reason] = true
		result = append(result, fmt.Sprintf("%s %s: %s: %s",
			text(event.Object, "involvedObject", "kind"), text(event.Object, "involvedObject", "name"), reason, text(event.Object, "message")))
	}
	return result
}
