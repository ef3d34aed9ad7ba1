"""The Secrets with logins to a schema registry: one pure function renders each. No Pulumi."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from kafka_platform.kafka.properties import java_properties
from kafka_platform.kafka.registry import JAAS
from kafka_platform.kafka.secrets import LOGIN_MODULES, encode
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import Manifest, metadata, secret_of, sha256_of
from kafka_platform.registry.spec import REGISTRAR, RegistryRole, RegistryUser

if TYPE_CHECKING:
    from pulumi import Input

USERS_FILE = "users.properties"
REALM = "Quarkus"
"""Part of what is hashed of a password; fixed when Apicurio Registry is built."""
ALGORITHM = "digest-sha-256"
_USERS = "quarkus.security.users.embedded"
_ROLES = {
    RegistryRole.READONLY: "sr-readonly",
    RegistryRole.DEVELOPER: "sr-developer",
    RegistryRole.ADMIN: "sr-admin",
}

Passwords = Mapping[str, Any]
"""Each user's generated password, by the user's name: those of the registry's users, and the registrar's."""


def login_secret(user: str) -> str:
    """Name of the Secret with a user's login."""
    return f"{user}-registry"


def roles_of(users: Mapping[str, RegistryUser]) -> dict[str, RegistryRole]:
    """The role of each login."""
    return {REGISTRAR: RegistryRole.ADMIN} | {name: user.role for name, user in sorted(users.items())}


def logins_version(users: Mapping[str, RegistryUser]) -> str:
    """Changes with every login: the pods read them when they start."""
    known = {name: [user.role.value, user.password_version] for name, user in sorted(users.items())}
    return sha256_of(json.dumps(known))


def digest(user: str, password: str, sha256: Callable[[str], str] = sha256_of) -> str:
    """The hash of a password that the pods get. Passwords have 190 random bits, so a fast hash is enough."""
    return sha256(f"{user}:{REALM}:{password}")


def users_secret(
    name: str,
    namespace: "Input[str]",
    labels: Mapping[str, str],
    users: Mapping[str, RegistryUser],
    passwords: Passwords,
    sha256: Callable[[str], str] = sha256_of,
) -> Manifest:
    """The users and their password hashes, as the pods read them."""
    roles = roles_of(users)

    def rendered(*known: str) -> dict[str, str]:
        lines = {f"{_USERS}.plain-text": "false", f"{_USERS}.algorithm": ALGORITHM}
        for user, password in zip(roles, known, strict=True):
            lines[f'{_USERS}.users."{user}"'] = digest(user, password, sha256)
            lines[f'{_USERS}.roles."{user}"'] = _ROLES[roles[user]]
        return encode({USERS_FILE: java_properties(lines)})

    data = derived(rendered, *(passwords[user] for user in roles))
    return secret_of(metadata(name, namespace, labels), data)


def login(
    name: str,
    namespace: "Input[str]",
    labels: Mapping[str, str],
    user: str,
    password: "Input[str]",
    url: "Input[str]",
    role: RegistryRole,
) -> Manifest:
    """Everything that a client needs to log in, under the names that clients use."""
    data = derived(lambda password, url: encode(_client(user, password, url, role)), password, url)
    return secret_of(metadata(name, namespace, labels), data)


def _client(user: str, password: str, url: str, role: RegistryRole) -> dict[str, str]:
    both = f"{user}:{password}"
    java = {
        "schema.registry.url": url,
        "basic.auth.credentials.source": "USER_INFO",
        "basic.auth.user.info": both,
    }
    if role is RegistryRole.READONLY:
        # Serializers register what they write unless told not to, and would be refused.
        java |= {"auto.register.schemas": "false", "use.latest.version": "true"}
    return {
        # For `envFrom`.
        "SCHEMA_REGISTRY_URL": url,
        "SCHEMA_REGISTRY_BASIC_AUTH_CREDENTIALS_SOURCE": "USER_INFO",
        "SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO": both,
        "basic.auth.user.info": both,
        JAAS: f'KafkaClient {{\n  {LOGIN_MODULES["PLAIN"]} required username="{user}" password="{password}";\n}};\n',
        "password": password,
        "registry.properties": java_properties(java),
        "schema.registry.url": url,
        "username": user,
    }
