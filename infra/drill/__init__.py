"""`python -m infra drill`: kills one part on purpose while records flow, and reports the effect on them."""
