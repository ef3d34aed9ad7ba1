"""Planning: what has to be done so that the cluster is as declared."""
