"""What a load needs, and whether what a stack declares can hold its own load."""
