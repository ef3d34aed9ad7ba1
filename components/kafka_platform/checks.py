"""What checks of fields have in common. No Pulumi."""

from collections.abc import Callable, Sequence


def checked(name: str, check: Callable[..., object], *arguments: object) -> None:
    """Calls `check`; what it raises begins with the name of the field."""
    try:
        check(*arguments)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def check_ports(ports: Sequence[int]) -> None:
    """Raises unless each is a TCP port."""
    for port in ports:
        if not 1 <= port <= 65535:
            raise ValueError(f"{port} is out of range: use 1 to 65535")
