"""A stack as plain files, for kubectl, Argo CD and Flux: the same objects that a deployment places."""
