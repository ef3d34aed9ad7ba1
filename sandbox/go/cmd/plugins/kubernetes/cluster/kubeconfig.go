package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// ParseKubeconfig reads a kubeconfig from its content or from a file's path; "~/" is the home folder.
func ParseKubeconfig(pathOrContent string) (*api.Config, error) {
	content := []byte(pathOrContent)
	path := pathOrContent
	if rest, isHome := strings.CutPrefix(path, "~/"); isHome {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, err
		}
		path = filepath.Join(home, rest)
	}
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		if content, err = os.ReadFile(path); err != nil {
			return nil, err
		}
	}
	config, err := clientcmd.Load(content)
	if err != nil {
		return nil, fmt.Errorf("neither the content of a kubeconfig nor the path of one: %w", err)
	}
	return config, nil
}

// ActiveCluster is the cluster that a kubeconfig selects, nil if there is none. Context and cluster override
// the kubeconfig's, unless empty.
func ActiveCluster(config *api.Config, context, cluster string) *api.Cluster {
	if config == nil {
		return nil
	}
	if cluster == "" {
		if context == "" {
			context = config.CurrentContext
		}
		chosen := config.Contexts[context]
		if chosen == nil {
			return nil
		}
		cluster = chosen.Cluster
	}
	return config.Clusters[cluster]
}
