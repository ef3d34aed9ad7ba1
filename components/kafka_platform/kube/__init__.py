"""What every capability needs of Kubernetes: manifests, objects, and the one place that hands them to Pulumi."""
