"""Kubernetes for all capabilities: manifests, objects, and the one place that passes them to Pulumi."""
