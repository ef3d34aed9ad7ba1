"""Keeps the state of a stream job through changes: a savepoint, then the other job from it, or the former one again."""
