"""The schemas of a registry."""
