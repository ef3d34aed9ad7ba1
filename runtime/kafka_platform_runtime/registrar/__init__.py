"""Registers declared schemas in a schema registry."""
