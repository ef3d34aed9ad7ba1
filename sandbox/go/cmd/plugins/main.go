// Command plugins is every Pulumi plugin of the sandbox in one binary: it runs as the plugin it is called
// by (a symbolic link per plugin), so that the plugins share what they are compiled from.
//
//	pulumi-language-nodejs      runs Node programs by npm's @pulumi/pulumi
//	pulumi-language-python      runs Python programs and component packages
//	pulumi-resource-kubernetes  stand-in for the official kubernetes provider
//	pulumi-resource-random      stand-in for the official random provider
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kafka-platform.dev/sandbox/cmd/plugins/kubernetes"
	"kafka-platform.dev/sandbox/cmd/plugins/language"
	"kafka-platform.dev/sandbox/cmd/plugins/nodejs"
	"kafka-platform.dev/sandbox/cmd/plugins/random"
)

func main() {
	plugins := map[string]func(args []string) error{
		"pulumi-language-nodejs":     nodejs.Main,
		"pulumi-language-python":     language.Main,
		"pulumi-resource-kubernetes": kubernetes.Main,
		"pulumi-resource-random":     random.Main,
	}
	name := filepath.Base(os.Args[0])
	run, known := plugins[name]
	if !known {
		names := make([]string, 0, len(plugins))
		for plugin := range plugins {
			names = append(names, plugin)
		}
		slices.Sort(names)
		fmt.Fprintf(os.Stderr, "%s: call it as one of %s\n", name, strings.Join(names, ", "))
		os.Exit(2)
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}
