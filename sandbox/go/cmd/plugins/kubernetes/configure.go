package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"kafka-platform.dev/sandbox/cmd/plugins/kubernetes/cluster"
	"kafka-platform.dev/sandbox/cmd/plugins/properties"
)

// connectTimeout is how long the API server may take to answer for the first time.
const connectTimeout = 15 * time.Second

const clusterIdentifier resource.PropertyKey = "clusterIdentifier"

// whereabouts are the settings that decide which cluster the provider talks to.
var whereabouts = []resource.PropertyKey{"kubeconfig", "context", "cluster"}

// CheckConfig refuses an implicit cluster in strict mode.
func (p *provider) CheckConfig(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	inputs, err := properties.Read("provider's inputs", req.GetNews())
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.CheckResponse{Inputs: req.GetNews()}
	if !strict(textOf(inputs["strictMode"])) {
		return response, nil
	}
	if strings.HasPrefix(resource.URN(req.GetUrn()).Name(), "default") {
		response.Failures = append(response.Failures, &pulumirpc.CheckFailure{Reason: "strict mode prohibits default provider"})
	}
	for _, name := range []resource.PropertyKey{"kubeconfig", "context"} {
		if value := inputs[name]; !value.HasValue() || textOf(value) == "" {
			response.Failures = append(response.Failures, &pulumirpc.CheckFailure{
				Property: string(name), Reason: fmt.Sprintf(`strict mode requires Provider "%s" argument`, name),
			})
		}
	}
	return response, nil
}

// DiffConfig replaces the provider, and with it all of its objects, when it would lead to another cluster.
func (p *provider) DiffConfig(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	before, err := properties.Read("provider's state", req.GetOlds())
	if err != nil {
		return nil, err
	}
	after, err := properties.Read("provider's inputs", req.GetNews())
	if err != nil {
		return nil, err
	}
	changed := before.Diff(after)
	if changed == nil {
		return &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}, nil
	}
	response := &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_SOME}
	for _, key := range changed.ChangedKeys() {
		response.Diffs = append(response.Diffs, string(key))
	}
	slices.Sort(response.Diffs)
	replace, err := leadsElsewhere(before, after)
	if err != nil {
		return nil, err
	}
	switch {
	case changed.Updated(clusterIdentifier):
		response.Replaces = []string{string(clusterIdentifier)}
	case after.HasValue(clusterIdentifier) && changed.Same(clusterIdentifier):
		// The program vouches that it is the same cluster, whatever the kubeconfig says.
	case replace:
		for _, key := range whereabouts {
			if slices.Contains(response.Diffs, string(key)) {
				response.Replaces = append(response.Replaces, string(key))
			}
		}
	}
	return response, nil
}

// leadsElsewhere tells whether two configurations select different clusters. Unknown counts as different.
func leadsElsewhere(before, after resource.PropertyMap) (bool, error) {
	for _, key := range whereabouts {
		if after[key].ContainsUnknowns() {
			return true, nil
		}
	}
	active := func(values resource.PropertyMap) (*api.Cluster, error) {
		config, err := kubeconfigOf(values["kubeconfig"])
		return cluster.ActiveCluster(config, textOf(values["context"]), textOf(values["cluster"])), err
	}
	old, err := active(before)
	if err != nil {
		return false, err
	}
	current, err := active(after)
	if err != nil {
		return false, err
	}
	return old != nil && current != nil && !reflect.DeepEqual(old, current), nil
}

// kubeconfigOf reads the setting, which is a string or an object; nil if there is none or it cannot be read.
func kubeconfigOf(value resource.PropertyValue) (*api.Config, error) {
	for value.IsSecret() {
		value = value.SecretValue().Element
	}
	text := textOf(value)
	if value.IsObject() {
		encoded, err := json.Marshal(value.ObjectValue().Mappable())
		if err != nil {
			return nil, fmt.Errorf("kubeconfig: %w", err)
		}
		text = string(encoded)
	}
	if text == "" {
		return nil, nil
	}
	config, err := cluster.ParseKubeconfig(text)
	if err != nil {
		// An unreadable kubeconfig selects no cluster; reporting it is up to Configure.
		return nil, nil
	}
	return config, nil
}

func textOf(value resource.PropertyValue) string {
	for value.IsSecret() {
		value = value.SecretValue().Element
	}
	if value.IsString() {
		return value.StringValue()
	}
	if value.IsBool() {
		return fmt.Sprint(value.BoolValue())
	}
	return ""
}

// Configure connects to the API server. If that fails, the provider continues without: previews then show what the
// program requests, and whatever needs the API server reports why there is none.
func (p *provider) Configure(_ context.Context, req *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	var err error
	if p.settings, err = parseSettings(req.GetVariables(), os.LookupEnv); err != nil {
		return nil, err
	}
	config, err := p.settings.clientConfig()
	if err != nil {
		p.unreachable = err.Error()
	} else {
		ctx, cancel := context.WithTimeout(p.ctx, connectTimeout)
		defer cancel()
		if p.cluster, err = cluster.Connect(ctx, config); err != nil {
			p.unreachable = fmt.Sprintf("unable to load schema information from the API server: %v", err)
		}
	}
	return &pulumirpc.ConfigureResponse{
		AcceptSecrets: true, SupportsPreview: true, SupportsAutonamingConfiguration: true,
	}, nil
}

// clientConfig is how to reach the API server. It also decides the namespace of objects that name none.
func (s *settings) clientConfig() (*rest.Config, error) {
	overrides := &clientcmd.ConfigOverrides{
		Context: api.Context{Cluster: s.cluster, Namespace: s.namespace}, CurrentContext: s.context,
	}
	var source clientcmd.ClientConfig
	if s.kubeconfig != "" {
		parsed, err := cluster.ParseKubeconfig(s.kubeconfig)
		if err != nil {
			return nil, fmt.Errorf("failed to parse kubeconfig data in `kubernetes:config:kubeconfig`- %w", err)
		}
		source = clientcmd.NewDefaultClientConfig(*parsed, overrides)
	} else {
		source = clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), overrides)
	}
	if namespace, _, err := source.Namespace(); err == nil && namespace != "" {
		s.namespace = namespace
	}
	config, err := source.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("unable to load Kubernetes client configuration from kubeconfig file: %w", err)
	}
	config.QPS, config.Burst, config.Timeout = s.qps, s.burst, s.timeout
	config.WarningHandler = rest.NoWarnings{}
	config.UserAgent = "pulumi-kubernetes/" + version
	return config, nil
}
