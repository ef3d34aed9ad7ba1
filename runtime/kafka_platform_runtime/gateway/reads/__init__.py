"""Reads without consumer instances: by offset, merged over partitions, and as streams."""
