"""What every stack must keep to: `rules` says it, `__main__` is the CrossGuard pack, `python -m infra check` uses it too."""
