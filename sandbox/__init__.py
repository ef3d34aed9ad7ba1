"""A local Kubernetes and Pulumi engine for machines that have neither: `python -m sandbox up`."""
