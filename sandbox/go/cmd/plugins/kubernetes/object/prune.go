package object

import "reflect"

// Prune keeps the parts of a live object that the inputs mention, so that they can be compared: the rest is the
// cluster's business.
func Prune(live, inputs map[string]any) map[string]any {
	if live == nil || inputs == nil {
		return nil
	}
	result := make(map[string]any, len(inputs))
	for key, value := range live {
		if input, mentioned := inputs[key]; mentioned {
			result[key] = pruneValue(value, input)
		}
	}
	return result
}

func pruneValue(live, input any) any {
	switch input := input.(type) {
	case map[string]any:
		if live, isMap := live.(map[string]any); isMap {
			return Prune(live, input)
		}
	case []any:
		if live, isList := live.([]any); isList {
			return pruneList(live, input)
		}
	}
	return live
}

// pruneList keeps the elements that have a counterpart in the inputs at the same position. If the elements' types
// differ, they cannot be compared one by one, so all are kept.
func pruneList(live, inputs []any) []any {
	if len(live) > 0 && len(inputs) > 0 && reflect.TypeOf(live[0]) != reflect.TypeOf(inputs[0]) {
		return live
	}
	result := make([]any, 0, len(inputs))
	for i := 0; i < len(inputs) && i < len(live); i++ {
		result = append(result, pruneValue(live[i], inputs[i]))
	}
	return result
}
