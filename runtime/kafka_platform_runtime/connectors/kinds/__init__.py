"""The systems that light connectors know, one module each; a module loads the client of its own system only."""
