"""`python -m infra doctor`: what a support engineer would check first, with the fix for each finding."""
