package kubernetes

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"kafka-platform.dev/sandbox/cmd/plugins/kubernetes/changes"
)

const (
	// defaultQPS and defaultBurst bound the requests to the API server, per second and at once. The server has its
	// own fairness; these only keep a mistake from looking like an attack.
	defaultQPS   = 500
	defaultBurst = 1000
	configPrefix = "kubernetes:config:"
)

// settings are the provider's configuration.
type settings struct {
	kubeconfig string
	context    string
	cluster    string
	// namespace is for namespaced objects that name none.
	namespace string

	serverSideApply       bool
	patchForce            bool
	upsert                bool
	deleteUnreachable     bool
	skipUpdateUnreachable bool
	mutability            changes.Mutability

	qps     float32
	burst   int
	timeout time.Duration
}

// clientSettings is the JSON of the setting kubeClientSettings.
type clientSettings struct {
	QPS     *float64 `json:"qps"`
	Burst   *int     `json:"burst"`
	Timeout *int     `json:"timeout"`
}

// parseSettings reads the configuration; missing values may come from an environment variable.
func parseSettings(variables map[string]string, environment func(string) (string, bool)) (settings, error) {
	value := func(name string) string { return variables[configPrefix+name] }
	flag := func(name, variable string, otherwise bool) bool {
		text, given := variables[configPrefix+name]
		if !given {
			text, given = environment(variable)
		}
		if !given {
			return otherwise
		}
		return text == "true"
	}
	result := settings{
		kubeconfig: value("kubeconfig"),
		context:    value("context"),
		cluster:    value("cluster"),
		namespace:  value("namespace"),

		serverSideApply:       flag("enableServerSideApply", "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY", true),
		patchForce:            flag("enablePatchForce", "PULUMI_K8S_ENABLE_PATCH_FORCE", false),
		upsert:                flag("upsertExistingObjects", "PULUMI_K8S_UPSERT_EXISTING_OBJECTS", false),
		deleteUnreachable:     flag("deleteUnreachable", "PULUMI_K8S_DELETE_UNREACHABLE", false),
		skipUpdateUnreachable: flag("skipUpdateUnreachable", "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE", false),
		mutability: changes.Mutability{
			ConfigMap: flag("enableConfigMapMutable", "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE", false),
			Secret:    flag("enableSecretMutable", "PULUMI_K8S_ENABLE_SECRET_MUTABLE", false),
		},
		qps: defaultQPS, burst: defaultBurst,
	}
	if !result.serverSideApply {
		return result, fmt.Errorf("enableServerSideApply: false: this stand-in of the kubernetes provider only applies " +
			"server-side: leave it out, or install the official plugin")
	}
	if value("renderYamlToDirectory") != "" {
		return result, fmt.Errorf("renderYamlToDirectory: this stand-in of the kubernetes provider does not render: install the official plugin")
	}
	return result, result.readClient(value("kubeClientSettings"), environment)
}

func (s *settings) readClient(text string, environment func(string) (string, bool)) error {
	var client clientSettings
	if text != "" {
		if err := json.Unmarshal([]byte(text), &client); err != nil {
			return fmt.Errorf("kubeClientSettings: %w", err)
		}
	}
	number := func(given *float64, variable string) (float64, bool, error) {
		if given != nil {
			return *given, true, nil
		}
		raw, present := environment(variable)
		if !present || raw == "" {
			return 0, false, nil
		}
		parsed, err := strconv.ParseFloat(raw, 64)
		if err != nil {
			return 0, false, fmt.Errorf("%s: %q is not a number", variable, raw)
		}
		return parsed, true, nil
	}
	whole := func(value *int) *float64 {
		if value == nil {
			return nil
		}
		converted := float64(*value)
		return &converted
	}
	for _, entry := range []struct {
		given    *float64
		variable string
		take     func(float64)
	}{
		{client.QPS, "PULUMI_K8S_CLIENT_QPS", func(value float64) { s.qps = float32(value) }},
		{whole(client.Burst), "PULUMI_K8S_CLIENT_BURST", func(value float64) { s.burst = int(value) }},
		{whole(client.Timeout), "PULUMI_K8S_CLIENT_TIMEOUT", func(value float64) {
			s.timeout = time.Duration(value * float64(time.Second))
		}},
	} {
		value, given, err := number(entry.given, entry.variable)
		if err != nil {
			return err
		}
		if given {
			entry.take(value)
		}
	}
	return nil
}

// strict tells whether the project forbids providers that are not explicit about their cluster.
func strict(property string) bool {
	if property != "" {
		return property == "true"
	}
	var config map[string]any
	if err := json.Unmarshal([]byte(os.Getenv("PULUMI_CONFIG")), &config); err != nil {
		return false
	}
	value, _ := config["strictMode"].(string)
	return strings.EqualFold(value, "true")
}
