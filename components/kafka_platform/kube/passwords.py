"""Passwords that are generated once, and kept."""

import pulumi
from pulumi_random import RandomPassword

LENGTH = 32
"""Letters and digits only: the password is written into JAAS configurations and properties files, which have their own
quoting. 32 of them are 190 random bits."""


def generated_password(name: str, parent: pulumi.Resource, version: int | None = None) -> pulumi.Output[str]:
    """A password for what `name` says; another `version` generates another one."""
    return RandomPassword(
        f"{name}-password",
        length=LENGTH,
        special=False,
        keepers=None if version is None else {"version": str(version)},
        opts=pulumi.ResourceOptions(parent=parent),
    ).result
