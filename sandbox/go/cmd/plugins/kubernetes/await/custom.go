package await

import (
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/jsonpath"
)

// Custom is the rule that a waitFor annotation states: one expression or a JSON list of them, each "condition=Type",
// "condition=Type=Status", "jsonpath={.path}" or "jsonpath={.path}=value".
func Custom(annotation string) (Rule, error) {
	var expressions []string
	if err := json.Unmarshal([]byte(annotation), &expressions); err != nil {
		expressions = []string{annotation}
	}
	if len(expressions) == 0 {
		return Rule{}, fmt.Errorf("pulumi.com/waitFor: %s: give at least one condition", annotation)
	}
	var checks []func(Observation) Status
	for _, expression := range expressions {
		check, err := parse(expression)
		if err != nil {
			return Rule{}, fmt.Errorf("pulumi.com/waitFor: %q: %w", expression, err)
		}
		checks = append(checks, check)
	}
	return Rule{Evaluate: func(seen Observation) Status {
		for _, check := range checks {
			if status := check(seen); !status.Ready {
				return status
			}
		}
		return Status{Ready: true}
	}}, nil
}

func parse(expression string) (func(Observation) Status, error) {
	if rest, found := strings.CutPrefix(expression, "condition="); found {
		kind, wanted, given := strings.Cut(rest, "=")
		if !given {
			wanted = "True"
		}
		return func(seen Observation) Status { return hasCondition(seen.Object, kind, wanted) }, nil
	}
	if rest, found := strings.CutPrefix(expression, "jsonpath="); found {
		return parsePath(rest)
	}
	return nil, fmt.Errorf("write condition=Type or jsonpath={.path}=value")
}

func hasCondition(object *unstructured.Unstructured, kind, wanted string) Status {
	status := Status{Progress: fmt.Sprintf("Waiting for condition %s to be %s", kind, wanted)}
	if stale(object) {
		return status
	}
	found, present := findCondition(object, kind)
	switch {
	case !present:
	case strings.EqualFold(found.status, wanted):
		status.Ready = true
	case found.message != "":
		status.Problems = []string{fmt.Sprintf("%s is %s: %s", kind, found.status, found.message)}
	}
	return status
}

// stale tells whether an object's status describes an older version of it.
func stale(object *unstructured.Unstructured) bool {
	seen, found, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
	return found && seen < object.GetGeneration()
}

func parsePath(text string) (func(Observation) Status, error) {
	end := strings.LastIndex(text, "}")
	if !strings.HasPrefix(text, "{") || end < 0 {
		return nil, fmt.Errorf("wrap the path in braces: jsonpath={.path}=value")
	}
	path, rest := strings.TrimSpace(text[1:end]), text[end+1:]
	if rest != "" && (rest[0] != '=' || len(rest) == 1) {
		return nil, fmt.Errorf("write jsonpath={.path} or jsonpath={.path}=value")
	}
	wanted := strings.TrimPrefix(rest, "=")
	if err := jsonpath.New("").Parse("{" + path + "}"); err != nil {
		return nil, err
	}
	return func(seen Observation) Status {
		status := Status{Progress: "Waiting for " + text}
		if stale(seen.Object) {
			return status
		}
		// A parsed path keeps state while it is evaluated, so each evaluation has its own.
		query := jsonpath.New("").AllowMissingKeys(true)
		if err := query.Parse("{" + path + "}"); err != nil {
			return status
		}
		results, err := query.FindResults(seen.Object.Object)
		if err != nil || len(results) == 0 || len(results[0]) == 0 {
			return status
		}
		found := fmt.Sprint(results[0][0].Interface())
		status.Ready = wanted == "" || found == wanted
		status.Progress += fmt.Sprintf(" (found %q)", found)
		return status
	}, nil
}
