"""Keeps the bucket of an object store and its policy as declared, and shows its volume."""
