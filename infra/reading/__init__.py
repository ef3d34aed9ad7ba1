"""What manifests say: their kinds, and the topics, users, rights and settings in them.

The rules and the review are built on this; it knows neither of them, nor the settings of a stack.
"""
