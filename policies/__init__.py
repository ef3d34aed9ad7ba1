"""The CrossGuard pack: it adapts the rules of `infra.rules` to Pulumi, and has none of its own."""
