"""The description of the HTTP API (OpenAPI 3.1): one module per group of routes, assembled by `document`."""
