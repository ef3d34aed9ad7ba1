package random

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// kind is one type of resource.
type kind struct {
	// required are the mandatory inputs.
	required []resource.PropertyKey
	// defaults are the inputs that the state has even if the program omits them.
	defaults map[resource.PropertyKey]any
	// outputs are drawn by create; unknown while previewing.
	outputs []resource.PropertyKey
	// secret are the outputs that stay encrypted.
	secret []resource.PropertyKey
	// check finds inputs that contradict each other.
	check func(settings) []*pulumirpc.CheckFailure
	// create draws the outputs and the id.
	create func(settings) (resource.PropertyMap, string, error)
	// read makes the inputs and outputs of an existing value from the id that the user gives; nil if that is impossible.
	read func(id string) (inputs, outputs resource.PropertyMap, stored string, err error)
}

const keepers resource.PropertyKey = "keepers"

// withDefaults is what the state holds for the inputs.
func (k kind) withDefaults(inputs resource.PropertyMap) resource.PropertyMap {
	state := resource.PropertyMap{}
	for name, value := range k.defaults {
		state[name] = resource.NewPropertyValue(value)
	}
	for name, value := range inputs {
		if !value.IsNull() {
			state[name] = value
		}
	}
	return state
}

// hide marks the secret outputs.
func (k kind) hide(state resource.PropertyMap) {
	for _, name := range k.secret {
		if value, present := state[name]; present && !value.IsSecret() {
			state[name] = resource.MakeSecret(value)
		}
	}
}

// diff finds the differences between the inputs that the state was made from and the new ones. Keys that begin with "__"
// belong to the official provider: its states are as valid as this one's.
func (k kind) diff(state, inputs resource.PropertyMap, ignored []string) (*pulumirpc.DiffResponse, error) {
	response := &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE, HasDetailedDiff: true}
	previous := resource.PropertyMap{}
	for name, value := range state {
		if name != "id" && !strings.HasPrefix(string(name), "__") && !slices.Contains(k.outputs, name) {
			previous[name] = value
		}
	}
	changes := previous.Diff(k.withDefaults(inputs))
	if changes == nil {
		return response, nil
	}
	response.DetailedDiff = map[string]*pulumirpc.PropertyDiff{}
	note := func(path string, kind pulumirpc.PropertyDiff_Kind) error {
		parsed, err := resource.ParsePropertyPath(path)
		if err != nil {
			return err
		}
		for _, text := range ignored {
			ignore, err := resource.ParsePropertyPath(text)
			if err != nil {
				return fmt.Errorf("ignoreChanges: %q is not a property path: %w", text, err)
			}
			if ignore.Contains(parsed) {
				return nil
			}
		}
		response.DetailedDiff[path] = &pulumirpc.PropertyDiff{Kind: kind, InputDiff: true}
		response.Replaces = append(response.Replaces, path)
		response.Changes = pulumirpc.DiffResponse_DIFF_SOME
		return nil
	}
	for path, detail := range changedPaths(changes) {
		if err := note(path, detail); err != nil {
			return nil, err
		}
	}
	slices.Sort(response.Replaces)
	return response, nil
}

// changedPaths goes one level into keepers, so that a preview names the keeper that changed.
func changedPaths(changes *resource.ObjectDiff) map[string]pulumirpc.PropertyDiff_Kind {
	const (
		added   = pulumirpc.PropertyDiff_ADD_REPLACE
		deleted = pulumirpc.PropertyDiff_DELETE_REPLACE
		updated = pulumirpc.PropertyDiff_UPDATE_REPLACE
	)
	paths := map[string]pulumirpc.PropertyDiff_Kind{}
	for name := range changes.Adds {
		paths[string(name)] = added
	}
	for name := range changes.Deletes {
		paths[string(name)] = deleted
	}
	for name, update := range changes.Updates {
		if name != keepers || update.Object == nil {
			paths[string(name)] = updated
			continue
		}
		prefix := func(key resource.PropertyKey) string {
			return resource.PropertyPath{string(name), string(key)}.String()
		}
		for key := range update.Object.Adds {
			paths[prefix(key)] = added
		}
		for key := range update.Object.Deletes {
			paths[prefix(key)] = deleted
		}
		for key := range update.Object.Updates {
			paths[prefix(key)] = updated
		}
	}
	return paths
}

// settings reads inputs without their secret marks.
type settings resource.PropertyMap

func (s settings) value(name resource.PropertyKey) resource.PropertyValue {
	value := s[name]
	for value.IsSecret() {
		value = value.SecretValue().Element
	}
	return value
}

// number is an integer input, or its replacement if it is omitted.
func (s settings) number(name resource.PropertyKey, otherwise int) int {
	if value := s.value(name); value.IsNumber() {
		return int(value.NumberValue())
	}
	return otherwise
}

func (s settings) text(name resource.PropertyKey, otherwise string) string {
	if value := s.value(name); value.IsString() {
		return value.StringValue()
	}
	return otherwise
}

func (s settings) flag(name resource.PropertyKey, otherwise bool) bool {
	if value := s.value(name); value.IsBool() {
		return value.BoolValue()
	}
	return otherwise
}
