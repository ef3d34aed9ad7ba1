"""How a program reaches a schema registry: its variables, its login, and the options of its clients. No Pulumi."""

from dataclasses import MISSING, dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import Manifest, allowed_port, of_namespaces
from kafka_platform.kube.pods import secret_volume
from kafka_platform.values.checks import check_url
from kafka_platform.values.forms import Spec, formed, named
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_label, check_subdomain
from kafka_platform.values.ranges import within

if TYPE_CHECKING:
    from collections.abc import Mapping

LOGIN = "/etc/kafka-platform/registry"
"""Where the Secret with the login is mounted."""
JAAS = "jaas.conf"
"""Key of the login's Secret for Java's clients that read it from a file alone (`SASL_INHERIT`)."""
_CA = "/etc/kafka-platform/registry-ca"
CA_FILE = f"{_CA}/ca.crt"
"""Where the authority is mounted."""
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class RegistryConnection(Spec):
    """What a program needs to know about a schema registry. It holds no secrets, only names of Secrets."""

    url: Input[str] = formed(MISSING, check_url)
    """URL of its API, as Confluent's clients take it."""
    secret: Input[str] | None = named(check_subdomain, "object name")
    """Secret in the program's namespace with the login: `username` and `password`. Default: no login."""
    ca_secret: Input[str] | None = named(check_subdomain, "object name")
    """Secret in the program's namespace whose key `ca.crt` is the authority to trust. Default: public authorities."""
    registers: bool = False
    """Whether the program may register schemas. Default false: its serializers use the latest schema that is registered."""
    namespace: Input[str] | None = named(check_label, "namespace")
    """Namespace of the registry's pods, for network policies. Default: it may be anywhere."""
    port: int | None = within(1, 65535, default=None)
    """Port of the registry's pods, for network policies. Default: that of the URL."""


def variables(registry: RegistryConnection) -> list[Manifest]:
    """The variables of a container. The password is a file."""
    found: list[Manifest] = [{"name": "SCHEMA_REGISTRY_URL", "value": registry.url}]
    if registry.secret is not None:
        username = {"secretKeyRef": {"key": "username", "name": registry.secret}}
        found += [
            {"name": "SCHEMA_REGISTRY_BASIC_AUTH_CREDENTIALS_SOURCE", "value": "USER_INFO"},
            {"name": "SCHEMA_REGISTRY_USERNAME", "valueFrom": username},
            {"name": "SCHEMA_REGISTRY_PASSWORD_FILE", "value": f"{LOGIN}/password"},
        ]
    if registry.ca_secret is not None:
        found.append({"name": "SCHEMA_REGISTRY_SSL_CA_FILE", "value": CA_FILE})
    return found


def mounts(registry: RegistryConnection) -> list[Manifest]:
    """The mounts of the login and of the authority."""
    found: list[Manifest] = []
    if registry.secret is not None:
        found.append({"mountPath": LOGIN, "name": "registry", "readOnly": True})
    if registry.ca_secret is not None:
        found.append({"mountPath": _CA, "name": "registry-ca", "readOnly": True})
    return found


def volumes(registry: RegistryConnection) -> list[Manifest]:
    """The volumes of these mounts."""
    found: list[Manifest] = []
    if registry.secret is not None:
        found.append(secret_volume("registry", registry.secret, "username", "password"))
    if registry.ca_secret is not None:
        found.append(secret_volume("registry-ca", registry.ca_secret, "ca.crt"))
    return found


def egress(registry: RegistryConnection) -> Manifest:
    """What a network policy has to allow."""
    rule: Manifest = {
        "ports": [allowed_port(derived(port_of, registry.url) if registry.port is None else registry.port)]
    }
    if registry.namespace is not None:
        rule["to"] = [of_namespaces([registry.namespace])]
    return rule


def port_of(url: str) -> int:
    """The port that a URL leads to."""
    parts = urlsplit(url)
    return parts.port or _PORTS.get(parts.scheme, 443)


def java_options(registry: RegistryConnection, url: str, user_info: str) -> "Mapping[str, str]":
    """The options of Java's serializers and deserializers.

    Args:
        registry: how it is reached.
        url: of its API.
        user_info: `username:password`, or what the client reads it from.
    """
    options = {"schema.registry.url": url}
    if registry.secret is not None:
        options |= {"basic.auth.credentials.source": "USER_INFO", "basic.auth.user.info": user_info}
    if registry.ca_secret is not None:
        options |= {
            "schema.registry.ssl.truststore.location": CA_FILE,
            "schema.registry.ssl.truststore.type": "PEM",
        }
    return options


def java_registering(registry: RegistryConnection) -> "Mapping[str, str]":
    """The options of Java's serializers alone: they register what they write unless told not to, and would be refused."""
    return {} if registry.registers else {"auto.register.schemas": "false", "use.latest.version": "true"}
