"""The Pulumi program: hands over to infra, which reads the settings and builds the platform."""

from infra.program import run

run()
