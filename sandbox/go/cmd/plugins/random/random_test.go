package random

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

func TestTextFollowsTheRules(t *testing.T) {
	inputs := settings(resource.NewPropertyMapFromMap(map[string]any{
		"length": 12.0, "minLower": 2.0, "minUpper": 2.0, "minNumeric": 2.0, "minSpecial": 2.0, "overrideSpecial": "-_",
	}))
	for range 100 {
		text, err := drawText(inputs)
		if err != nil || len(text) != 12 {
			t.Fatalf("%q, %v", text, err)
		}
		count := func(characters string) (n int) {
			for _, character := range text {
				if strings.ContainsRune(characters, character) {
					n++
				}
			}
			return n
		}
		if count("-_") < 2 || count("0123456789") < 2 || text == strings.ToLower(text) || text == strings.ToUpper(text) {
			t.Errorf("%q breaks the rules", text)
		}
	}
}

func TestTextOfOneClass(t *testing.T) {
	inputs := settings(resource.NewPropertyMapFromMap(map[string]any{"length": 40.0, "upper": false, "special": false, "number": false}))
	text, err := drawText(inputs)
	if err != nil || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz") != "" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestImpossibleTextsAreRefused(t *testing.T) {
	for name, inputs := range map[string]map[string]any{
		"no length":       {"length": 0.0},
		"too many minima": {"length": 3.0, "minLower": 2.0, "minUpper": 2.0},
		"no characters":   {"length": 3.0, "lower": false, "upper": false, "numeric": false, "special": false},
	} {
		if failures := checkText(settings(resource.NewPropertyMapFromMap(inputs))); len(failures) != 1 {
			t.Errorf("%s: %v", name, failures)
		}
	}
}

func TestKeepersReplace(t *testing.T) {
	password := kinds["random:index/randomPassword:RandomPassword"]
	inputs := func(version string) resource.PropertyMap {
		return resource.NewPropertyMapFromMap(map[string]any{"length": 8.0, "keepers": map[string]any{"version": version}})
	}
	state := password.withDefaults(inputs("1"))
	state["result"] = resource.MakeSecret(resource.NewStringProperty("x"))
	same, err := password.diff(state, inputs("1"), nil)
	if err != nil || len(same.GetReplaces()) != 0 {
		t.Errorf("got %v, %v", same, err)
	}
	changed, err := password.diff(state, inputs("2"), nil)
	if err != nil || strings.Join(changed.GetReplaces(), " ") != "keepers.version" {
		t.Errorf("got %v, %v", changed, err)
	}
	ignored, err := password.diff(state, inputs("2"), []string{"keepers"})
	if err != nil || len(ignored.GetReplaces()) != 0 {
		t.Errorf("got %v, %v", ignored, err)
	}
}

func TestShuffleTakesAllBeforeItRepeats(t *testing.T) {
	elements := resource.NewPropertyValue([]any{"a", "b", "c"}).ArrayValue()
	results, err := shuffle(elements, 5)
	if err != nil || len(results) != 5 {
		t.Fatalf("%v, %v", results, err)
	}
	seen := map[string]bool{}
	for _, element := range results[:3] {
		seen[element.StringValue()] = true
	}
	if len(seen) != 3 {
		t.Errorf("got %v", results)
	}
}

// The state of a password and an id as the official provider 4.21 writes them.
func TestAStateOfTheOfficialProviderDoesNotDiffer(t *testing.T) {
	for token, given := range map[string]struct{ inputs, state map[string]any }{
		"random:index/randomPassword:RandomPassword": {
			inputs: map[string]any{"length": 32.0, "special": false},
			state: map[string]any{
				"__meta":                   `{"schema_version":"3"}`,
				"__pulumi_raw_state_delta": map[string]any{"obj": map[string]any{"ps": map[string]any{"length": map[string]any{"num": map[string]any{}}}}},
				"bcryptHash":               "$2a$10$",
				"id":                       "none",
				"length":                   32.0,
				"lower":                    true,
				"minLower":                 0.0,
				"minNumeric":               0.0,
				"minSpecial":               0.0,
				"minUpper":                 0.0,
				"number":                   true,
				"numeric":                  true,
				"result":                   "x",
				"special":                  false,
				"upper":                    true,
			},
		},
		"random:index/randomId:RandomId": {
			inputs: map[string]any{"byteLength": 16.0},
			state: map[string]any{
				"__pulumi_raw_state_delta": map[string]any{"obj": map[string]any{}},
				"b64Std":                   "x", "b64Url": "x", "byteLength": 16.0, "dec": "1", "hex": "1", "id": "x",
			},
		},
	} {
		got, err := kinds[token].diff(
			resource.NewPropertyMapFromMap(given.state), resource.NewPropertyMapFromMap(given.inputs), nil)
		if err != nil || len(got.GetReplaces()) != 0 {
			t.Errorf("%s: %v, %v", token, got, err)
		}
	}
}
