"""The Pulumi program: hands over to infra, which reads the settings and builds the platform."""

import pulumi

from infra.program import program

pulumi.run(program)
