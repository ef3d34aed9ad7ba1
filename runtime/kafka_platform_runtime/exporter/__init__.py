"""The exporter: lag of consumer groups, and sizes and offsets of topics, for Prometheus."""
