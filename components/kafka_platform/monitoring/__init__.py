"""What Prometheus reads, and when somebody is woken."""
