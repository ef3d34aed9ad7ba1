"""A schema registry for the programs of one pod that know no login to the real one, or too much of it."""
