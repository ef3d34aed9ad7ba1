"""Files of schemas, read and checked without a registry."""
