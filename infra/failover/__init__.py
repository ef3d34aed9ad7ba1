"""What a failover to a stack's mirror costs, and what to do for it."""
