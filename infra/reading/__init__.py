"""Reads manifests: kinds, topics, users, rights and settings.

The rules and the review are built on this; it knows neither of them, nor the settings of a stack.
"""
