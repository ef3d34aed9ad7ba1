// Package language is a Pulumi language host for Python: it reports which plugins a program needs, runs
// the program, and serves component packages written in Python.
package language

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"kafka-platform.dev/sandbox/cmd/plugins/hosting"
)

// executor is the Python script of the Pulumi SDK that connects a program to the engine and runs it.
const executor = "pulumi-language-python-exec"

// Main runs the language host.
func Main(args []string) error {
	script, err := findExecutor()
	if err != nil {
		return err
	}
	return hosting.Serve(args, func(shared hosting.Host) pulumirpc.LanguageRuntimeServer {
		return &host{Host: shared, executor: script}
	})
}

// findExecutor looks for the script beside the name this program was called by, beside the program itself, and on PATH.
func findExecutor() (string, error) {
	var candidates []string
	if called, err := exec.LookPath(os.Args[0]); err == nil {
		candidates = append(candidates, filepath.Join(filepath.Dir(called), executor))
	}
	if self, err := os.Executable(); err == nil {
		candidates = append(candidates, filepath.Join(filepath.Dir(self), executor))
	}
	for _, candidate := range candidates {
		if _, err := os.Stat(candidate); err == nil {
			return filepath.Abs(candidate)
		}
	}
	if found, err := exec.LookPath(executor); err == nil {
		return filepath.Abs(found)
	}
	return "", fmt.Errorf("%s is missing: put the file of that name from the Pulumi SDK beside %s", executor, os.Args[0])
}

// host serves the engine for one Python program or plugin.
type host struct {
	hosting.Host

	executor string
}
