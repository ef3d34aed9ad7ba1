"""What schemas a registry is to have."""
