"""Checks across the settings that every stack has. Every check yields all the faults that it finds."""
