"""Making a release of this repository: one version everywhere, notes, and what is published."""
