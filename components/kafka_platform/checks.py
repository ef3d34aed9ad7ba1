"""What every check of a field has in common. No Pulumi."""

from collections.abc import Callable


def checked(name: str, check: Callable[..., object], *arguments: object) -> None:
    """Calls `check`; what it raises begins with the name of the field."""
    try:
        check(*arguments)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
