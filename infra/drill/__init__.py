"""`python -m infra drill`: one thing dies on purpose while records flow, and a report says what that did to them."""
