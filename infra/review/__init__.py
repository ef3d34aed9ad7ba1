"""`python -m infra review`: what a reviewer needs to know about a change, from a preview.

`changes` reads a preview; `topics`, `users` and `settings` say what changes in Kafka mean, `sentences` names who does so
for each kind of object; `report` writes that as Markdown.
"""
