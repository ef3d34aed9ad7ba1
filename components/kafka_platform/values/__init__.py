"""Forms, units, names and checks of declared values. No Pulumi."""
