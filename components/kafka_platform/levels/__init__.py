"""Service levels: what users may expect, and how fast the error budget burns."""
