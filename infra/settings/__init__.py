"""The settings of one stack, parsed once into frozen objects; all faults are reported together."""
