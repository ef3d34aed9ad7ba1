"""`python -m infra doctor`: what a support engineer would look at first, with the fix for each finding."""
