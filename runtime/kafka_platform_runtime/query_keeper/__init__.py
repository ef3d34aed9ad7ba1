"""Makes the files that Trino takes from Secrets, and shows how it is."""
