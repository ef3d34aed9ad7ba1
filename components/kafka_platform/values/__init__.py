"""Forms, units, names and checks of what people declare. No Pulumi."""
