"""What the connectors of a stack do, and what can be done with them."""
