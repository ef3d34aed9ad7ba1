"""The exporter of lag and topics."""
