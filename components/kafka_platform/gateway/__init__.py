"""The data interface over HTTP."""
