"""What runs in the cluster of a stack, as the Kubernetes API tells it: read by `top`, `doctor` and `drill`."""
