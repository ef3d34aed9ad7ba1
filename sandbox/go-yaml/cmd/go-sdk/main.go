// Command go-sdk writes the Go SDK of a package into a folder, by Pulumi's own generator, from its schema on standard input.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	codegen "github.com/pulumi/pulumi/pkg/v3/codegen/go"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "go-sdk: %v\n", err)
		os.Exit(1)
	}
}

func run(folder string) error {
	var spec schema.PackageSpec
	if err := json.NewDecoder(os.Stdin).Decode(&spec); err != nil {
		return fmt.Errorf("reading the schema: %w", err)
	}
	pkg, err := schema.ImportSpec(spec, map[string]schema.Language{"go": codegen.Importer}, schema.ValidationOptions{})
	if err != nil {
		return err
	}
	files, err := codegen.GeneratePackage("go-sdk", pkg, nil)
	if err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
