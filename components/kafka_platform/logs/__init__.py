"""Lines that containers log, as records."""
