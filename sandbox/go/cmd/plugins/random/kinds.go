package random

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"golang.org/x/crypto/bcrypt"
)

// bcryptLimit is how many bytes of a password bcrypt uses.
const bcryptLimit = 72

var kinds = map[string]kind{
	"random:index/randomPassword:RandomPassword": {
		required: []resource.PropertyKey{"length"},
		defaults: textDefaults,
		outputs:  []resource.PropertyKey{"result", "bcryptHash"},
		secret:   []resource.PropertyKey{"result", "bcryptHash"},
		check:    checkText,
		create: func(s settings) (resource.PropertyMap, string, error) {
			text, err := drawText(s)
			if err != nil {
				return nil, "", err
			}
			outputs, err := passwordOutputs(text)
			return outputs, "none", err
		},
		read: func(id string) (resource.PropertyMap, resource.PropertyMap, string, error) {
			outputs, err := passwordOutputs(id)
			return textInputs(id), outputs, "none", err
		},
	},
	"random:index/randomString:RandomString": {
		required: []resource.PropertyKey{"length"},
		defaults: textDefaults,
		outputs:  []resource.PropertyKey{"result"},
		check:    checkText,
		create: func(s settings) (resource.PropertyMap, string, error) {
			text, err := drawText(s)
			return outputs("result", text), text, err
		},
		read: func(id string) (resource.PropertyMap, resource.PropertyMap, string, error) {
			return textInputs(id), outputs("result", id), id, nil
		},
	},
	"random:index/randomId:RandomId": {
		required: []resource.PropertyKey{"byteLength"},
		outputs:  []resource.PropertyKey{"b64Std", "b64Url", "dec", "hex"},
		check:    atLeastOne("byteLength"),
		create: func(s settings) (resource.PropertyMap, string, error) {
			data, err := drawBytes(s.number("byteLength", 1))
			if err != nil {
				return nil, "", err
			}
			return idOutputs(data, s.text("prefix", "")), base64.RawURLEncoding.EncodeToString(data), nil
		},
		read: func(id string) (resource.PropertyMap, resource.PropertyMap, string, error) {
			prefix, encoded, found := strings.Cut(id, ",")
			if !found {
				prefix, encoded = "", id
			}
			data, err := base64.RawURLEncoding.DecodeString(encoded)
			if err != nil {
				return nil, nil, "", fmt.Errorf("id: %q is not URL-safe base64: %w", encoded, err)
			}
			inputs := resource.PropertyMap{"byteLength": resource.NewNumberProperty(float64(len(data)))}
			if prefix != "" {
				inputs["prefix"] = resource.NewStringProperty(prefix)
			}
			return inputs, idOutputs(data, prefix), encoded, nil
		},
	},
	"random:index/randomBytes:RandomBytes": {
		required: []resource.PropertyKey{"length"},
		outputs:  []resource.PropertyKey{"base64", "hex"},
		secret:   []resource.PropertyKey{"base64", "hex"},
		check:    atLeastOne("length"),
		create: func(s settings) (resource.PropertyMap, string, error) {
			data, err := drawBytes(s.number("length", 1))
			return bytesOutputs(data), "none", err
		},
		read: func(id string) (resource.PropertyMap, resource.PropertyMap, string, error) {
			data, err := base64.StdEncoding.DecodeString(id)
			if err != nil {
				return nil, nil, "", fmt.Errorf("id: not base64: %w", err)
			}
			return resource.PropertyMap{"length": resource.NewNumberProperty(float64(len(data)))}, bytesOutputs(data), "none", nil
		},
	},
	"random:index/randomInteger:RandomInteger": {
		required: []resource.PropertyKey{"min", "max"},
		outputs:  []resource.PropertyKey{"result"},
		check: func(s settings) []*pulumirpc.CheckFailure {
			if low, high := s.number("min", 0), s.number("max", 0); low > high {
				return failure("min", "%d is above max (%d): swap them", low, high)
			}
			return nil
		},
		create: func(s settings) (resource.PropertyMap, string, error) {
			low := s.number("min", 0)
			value, err := below(s.number("max", 0) - low + 1)
			if err != nil {
				return nil, "", err
			}
			value += low
			return resource.PropertyMap{"result": resource.NewNumberProperty(float64(value))}, strconv.Itoa(value), nil
		},
	},
	"random:index/randomShuffle:RandomShuffle": {
		required: []resource.PropertyKey{"inputs"},
		outputs:  []resource.PropertyKey{"results"},
		create: func(s settings) (resource.PropertyMap, string, error) {
			inputs := s.value("inputs").ArrayValue()
			results, err := shuffle(inputs, s.number("resultCount", len(inputs)))
			return resource.PropertyMap{"results": resource.NewArrayProperty(results)}, "-", err
		},
	},
	"random:index/randomPet:RandomPet": {
		defaults: map[resource.PropertyKey]any{"length": 2.0, "separator": "-"},
		create: func(s settings) (resource.PropertyMap, string, error) {
			name, err := petName(s.number("length", 2), s.text("separator", "-"), s.text("prefix", ""))
			return resource.PropertyMap{}, name, err
		},
	},
	"random:index/randomUuid:RandomUuid":   uuidKind(uuid.NewRandom),
	"random:index/randomUuid4:RandomUuid4": uuidKind(uuid.NewRandom),
	"random:index/randomUuid7:RandomUuid7": uuidKind(uuid.NewV7),
}

func uuidKind(draw func() (uuid.UUID, error)) kind {
	return kind{
		outputs: []resource.PropertyKey{"result"},
		create: func(settings) (resource.PropertyMap, string, error) {
			value, err := draw()
			return outputs("result", value.String()), value.String(), err
		},
		read: func(id string) (resource.PropertyMap, resource.PropertyMap, string, error) {
			value, err := uuid.Parse(id)
			if err != nil {
				return nil, nil, "", fmt.Errorf("id: %q is not a UUID: %w", id, err)
			}
			return resource.PropertyMap{}, outputs("result", value.String()), value.String(), nil
		},
	}
}

func outputs(name resource.PropertyKey, value string) resource.PropertyMap {
	return resource.PropertyMap{name: resource.NewStringProperty(value)}
}

func failure(property, format string, arguments ...any) []*pulumirpc.CheckFailure {
	return []*pulumirpc.CheckFailure{{Property: property, Reason: property + ": " + fmt.Sprintf(format, arguments...)}}
}

func atLeastOne(name resource.PropertyKey) func(settings) []*pulumirpc.CheckFailure {
	return func(s settings) []*pulumirpc.CheckFailure {
		if value := s.number(name, 0); value < 1 {
			return failure(string(name), "%d: use at least 1", value)
		}
		return nil
	}
}

func passwordOutputs(text string) (resource.PropertyMap, error) {
	data := []byte(text)
	hash, err := bcrypt.GenerateFromPassword(data[:min(len(data), bcryptLimit)], bcrypt.DefaultCost)
	if err != nil {
		return nil, fmt.Errorf("hashing the password: %w", err)
	}
	return resource.PropertyMap{
		"result": resource.NewStringProperty(text), "bcryptHash": resource.NewStringProperty(string(hash)),
	}, nil
}

func idOutputs(data []byte, prefix string) resource.PropertyMap {
	return resource.NewPropertyMapFromMap(map[string]any{
		"b64Std": prefix + base64.StdEncoding.EncodeToString(data),
		"b64Url": prefix + base64.RawURLEncoding.EncodeToString(data),
		"hex":    prefix + hex.EncodeToString(data),
		"dec":    prefix + new(big.Int).SetBytes(data).String(),
	})
}

func bytesOutputs(data []byte) resource.PropertyMap {
	return resource.NewPropertyMapFromMap(map[string]any{
		"base64": base64.StdEncoding.EncodeToString(data), "hex": hex.EncodeToString(data),
	})
}

func drawBytes(length int) ([]byte, error) {
	data := make([]byte, length)
	_, err := rand.Read(data)
	return data, err
}

// below draws an integer from 0 to limit - 1, each equally likely.
func below(limit int) (int, error) {
	value, err := rand.Int(rand.Reader, big.NewInt(int64(limit)))
	if err != nil {
		return 0, err
	}
	return int(value.Int64()), nil
}

// shuffle draws count elements; when more are wanted than there are, it starts over with all of them.
func shuffle(elements []resource.PropertyValue, count int) ([]resource.PropertyValue, error) {
	results := make([]resource.PropertyValue, 0, count)
	for len(results) < count && len(elements) > 0 {
		order := append([]resource.PropertyValue(nil), elements...)
		for i := len(order) - 1; i > 0; i-- {
			j, err := below(i + 1)
			if err != nil {
				return nil, err
			}
			order[i], order[j] = order[j], order[i]
		}
		results = append(results, order[:min(len(order), count-len(results))]...)
	}
	return results, nil
}
