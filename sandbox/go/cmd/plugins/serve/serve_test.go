package serve

import "testing"

func TestOptionsOfAPluginsRuntimeAreAccepted(t *testing.T) {
	options, err := Parse([]string{"-toolchain=pip", "-virtualenv=.venv", "-typechecker=mypy", "-root=/r", "127.0.0.1:1"})
	if err != nil || options.Engine != "127.0.0.1:1" {
		t.Errorf("got %+v, %v", options, err)
	}
	if _, err := Parse([]string{"-unknown=1"}); err == nil {
		t.Error("an unknown flag is accepted")
	}
}
