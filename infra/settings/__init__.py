"""The settings of one stack, parsed once into frozen objects; everything that is wrong with them is said at once."""
