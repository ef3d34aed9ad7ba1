"""Ends `pulumi up` as soon as it is certain that pods will not start: Pulumi itself waits for ten minutes."""
