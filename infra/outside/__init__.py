"""Whether callers from outside can come in as a stack declares it: looked up in its Kubernetes cluster, before anything is changed."""
