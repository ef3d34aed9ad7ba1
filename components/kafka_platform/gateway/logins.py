"""Whether callers of a gateway can log in to the Kafka behind it. No Pulumi."""

from kafka_platform.gateway.spec import GatewaySpec
from kafka_platform.values.names import check_secret_of_user


def check_logins(spec: GatewaySpec, *, login: str, tokens: bool, certificates: bool) -> None:
    """Raises `ValueError` that begins with the invalid field if no caller could log in.

    Args:
        spec: the gateway's.
        login: how clients of the Kafka log in, in words.
        tokens: whether it is by OAuth tokens alone.
        certificates: whether it is by certificates.
    """
    if spec.anonymous_secret is not None and spec.anonymous is None:
        raise ValueError("anonymous_secret: callers without credentials are refused: name their user in anonymous too")
    if tokens and not spec.bearer:
        raise ValueError(f"bearer: clients log in with {login}, and callers send tokens of their own: write true")
    if tokens and spec.anonymous is not None:
        raise ValueError(
            f"anonymous: clients log in with {login}, and the gateway has no token of its own: remove the key"
        )
    if certificates and spec.bearer:
        raise ValueError(f"bearer: clients log in with {login}, which are not tokens: remove the key")
    if certificates and spec.anonymous is None:
        raise ValueError(
            f"anonymous: missing, clients log in with {login}, and callers cannot do that through the gateway: name the user whose "
            "certificate it presents for all of them, or use a listener with passwords or tokens"
        )
    if (tokens or certificates) and spec.tls is not None and spec.tls.users:
        raise ValueError(
            f"tls.users: clients log in with {login}, and the gateway has only passwords for them: remove the key"
        )
    if spec.anonymous is not None and spec.anonymous_secret is None:
        check_secret_of_user("anonymous", spec.anonymous)
