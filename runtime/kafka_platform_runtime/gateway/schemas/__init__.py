"""Schemas of records: what a registry has, and how keys and values are written and read with it."""
