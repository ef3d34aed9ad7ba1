"""`python -m infra top`: what a platform does right now, in the terminal."""
