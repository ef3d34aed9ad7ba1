"""A small S3-compatible object store, with a key for each user of it."""
