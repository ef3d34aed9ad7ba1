"""`python -m infra review`: what a reviewer wants to know of a change, read from a preview.

`changes` reads a preview; `topics`, `users` and `settings` say what changes in Kafka mean, `sentences` names who does so
for each kind of object; `report` writes that as Markdown.
"""
