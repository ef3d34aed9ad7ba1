"""The program of one environment: settings, parsed once, become the platform; `python -m infra` is its command line."""
