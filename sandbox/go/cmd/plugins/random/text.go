package random

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// textDefaults are the optional inputs of passwords and strings.
var textDefaults = map[resource.PropertyKey]any{
	"lower": true, "upper": true, "numeric": true, "number": true, "special": true,
	"minLower": 0.0, "minUpper": 0.0, "minNumeric": 0.0, "minSpecial": 0.0,
}

// class is a set of characters of which a text has a minimum number.
type class struct {
	characters string
	least      int
	minimum    string
	wanted     bool
}

// classes are the characters that the inputs allow. `number` is the former name of `numeric`; either can switch it off.
func classes(s settings) []class {
	return []class{
		{"abcdefghijklmnopqrstuvwxyz", s.number("minLower", 0), "minLower", s.flag("lower", true)},
		{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", s.number("minUpper", 0), "minUpper", s.flag("upper", true)},
		{"0123456789", s.number("minNumeric", 0), "minNumeric", s.flag("numeric", true) && s.flag("number", true)},
		{s.text("overrideSpecial", "!@#$%&*()-_=+[]{}<>:?"), s.number("minSpecial", 0), "minSpecial", s.flag("special", true)},
	}
}

// checkText refuses lengths below the sum of the minima, and texts without characters.
func checkText(s settings) []*pulumirpc.CheckFailure {
	length, least, any := s.number("length", 0), 0, false
	if length < 1 {
		return failure("length", "%d: use at least 1", length)
	}
	for _, class := range classes(s) {
		least += class.least
		any = any || class.least > 0 || (class.wanted && class.characters != "")
	}
	if least > length {
		return failure("length", "%d is below minLower + minUpper + minNumeric + minSpecial = %d: use at least %d",
			length, least, least)
	}
	if !any {
		return failure("length", "no characters are left: set one of lower, upper, numeric, special to true")
	}
	return nil
}

// drawText draws the minima first, then the rest from all allowed characters, and shuffles.
func drawText(s settings) (string, error) {
	var text []byte
	var pool strings.Builder
	draw := func(characters string, count int) error {
		for range count {
			index, err := below(len(characters))
			if err != nil {
				return err
			}
			text = append(text, characters[index])
		}
		return nil
	}
	for _, class := range classes(s) {
		if class.wanted {
			pool.WriteString(class.characters)
		}
		if class.least > 0 && class.characters == "" {
			return "", fmt.Errorf("%s: %d, but there are no such characters: set overrideSpecial", class.minimum, class.least)
		}
		if err := draw(class.characters, class.least); err != nil {
			return "", err
		}
	}
	if missing := s.number("length", 0) - len(text); missing > 0 {
		if pool.Len() == 0 {
			return "", fmt.Errorf("length: %d, but only %d characters are allowed by the minima: set one of lower, upper, numeric, special to true",
				s.number("length", 0), len(text))
		}
		if err := draw(pool.String(), missing); err != nil {
			return "", err
		}
	}
	for i := len(text) - 1; i > 0; i-- {
		j, err := below(i + 1)
		if err != nil {
			return "", err
		}
		text[i], text[j] = text[j], text[i]
	}
	return string(text), nil
}

// textInputs are the inputs of an imported text.
func textInputs(text string) resource.PropertyMap {
	return resource.PropertyMap{"length": resource.NewNumberProperty(float64(len(text)))}
}
