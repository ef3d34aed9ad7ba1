"""Planning: what brings the cluster to the declared state."""
