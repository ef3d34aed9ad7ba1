"""A program's login with existing credentials: its Secret, and the client files that the pod generates from it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kafka_platform.kafka.oauth import OAuth
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import Manifest
from kafka_platform.kube.pods import container_security, helper_resources
from kafka_platform.program.client_files import CLIENT, CREDENTIALS, Login
from kafka_platform.program.spec import PLATFORM_FOLDER
from kafka_platform.values.names import check_secret_of_user, user_secret

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection

_LOGIN = f"{PLATFORM_FOLDER}/login"
"""Where the container that generates a login's files finds the existing Secret."""
_CREDENTIALS_SIZE = "1Mi"
"""Room for the files of a login: they have some KiB, and a Secret at most 1 MiB."""
_JAVA_OPTIONS = "JAVA_TOOL_OPTIONS"
_ALLOWED_URLS = "org.apache.kafka.sasl.oauthbearer.allowed.urls"


def check_login(
    field: str, given: str | None, secret: object, login: str, *, needed: bool = True, makes_users: bool
) -> None:
    """Raises `ValueError` that begins with the invalid field for a user that can neither be created nor is named.

    Args:
        field: that names the user.
        given: the user, if one is named.
        secret: the name of its Secret, if one is named.
        login: how clients of the Kafka log in, in words.
        needed: whether there has to be such a user.
        makes_users: whether the platform can create users.
    """
    if given is None and secret is not None:
        raise ValueError(f"{field}_secret: it is the Secret of a user that is there: name that user in {field} too")
    if given is not None and secret is None:
        check_secret_of_user(field, given)
    if given is None and needed and not makes_users:
        raise ValueError(
            f"{field}: missing, clients log in with {login}, and whoever runs the Kafka makes users: name one, and its Secret in "
            f"{field}_secret"
        )


def login_of(
    name: str, connection: "KafkaConnection", user: str | None, secret: "Input[str] | None"
) -> "tuple[Input[str] | None, bool]":
    """The Secret of a program's login, None if there is none; and whether the platform made it, with all files.

    Args:
        name: of the program, which is that of its own user.
        connection: the Kafka.
        user: the user that is there already, if there is one.
        secret: the Secret of that user, if it is named.
    """
    if not connection.logs_in:
        return None, False
    return (user_secret(user or name) if secret is None else secret), secret is None and connection.makes_users


def login_container(image: "Input[str]") -> Manifest:
    """Makes the files of what the Secret has, before the program starts; or tells with the pod what it has not."""
    return {
        "command": ["python3", "-m", "kafka_platform_runtime.client_login", CLIENT, _LOGIN, CREDENTIALS],
        "image": image,
        "name": "login-files",
        "resources": helper_resources("64Mi"),
        "securityContext": container_security(),
        # A key that the Secret does not have is told in its log.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"mountPath": CLIENT, "name": "client", "readOnly": True},
            {"mountPath": _LOGIN, "name": "login", "readOnly": True},
            {"mountPath": CREDENTIALS, "name": "credentials"},
        ],
    }


def login_volumes(login: Login, secret: "Input[str]") -> list[Manifest]:
    """The folder with the login's files, and what they are generated from."""
    if not login.is_made_in_the_pod:
        return [{"name": "credentials", "secret": {"secretName": secret}}]
    return [
        {"emptyDir": {"medium": "Memory", "sizeLimit": _CREDENTIALS_SIZE}, "name": "credentials"},
        {"name": "login", "secret": {"secretName": secret}},
    ]


def java_options(variables: Mapping[str, Any], oauth: OAuth) -> Mapping[str, Any]:
    """The variable that lets Kafka's Java client fetch tokens (needed since 4.0), appended to its value."""
    return {
        _JAVA_OPTIONS: derived(
            lambda given, url: f"{given} -D{_ALLOWED_URLS}={url}".strip(),
            variables.get(_JAVA_OPTIONS, ""),
            oauth.token_url,
        )
    }
