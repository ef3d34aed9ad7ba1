"""`python -m infra review`: what a reviewer wants to know of a change, read from a preview.

`changes` reads a preview, `kafka` and `objects` say what its changes mean, `report` writes that as Markdown.
"""
