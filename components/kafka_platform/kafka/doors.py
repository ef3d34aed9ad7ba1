"""Settings of brokers and clients that decide who may do what, and that a review points out. No Pulumi."""

import re

_BROKER: tuple[tuple[str, str], ...] = (
    (r"allow\.everyone\.if\.no\.acl\.found", "who may do what without an ACL"),
    (r"super\.users", "who may do everything"),
    (r"authorizer\..*", "who decides about rights"),
    (r"early\.start\.listeners", "which listeners answer before anybody's rights are known"),
    (r"(.*\.)?principal\.builder\..*", "who a client is taken for"),
    (r"delegation\.token\..*", "logins by tokens"),
    (r"(.*\.)?connections\.max\.reauth\.ms", "how long a login counts"),
    (r"config\.providers(\..*)?", "what brokers read into their settings"),
    (r"listener\.security\.protocol\.map", "how clients connect"),
    (r"(advertised\.)?listeners|(.*\.)?listener\.names?", "how clients connect"),
    (r"controller\.quorum\.(voters|bootstrap\.servers)", "who votes on the cluster's metadata"),
    (r"listener\..*|(.*\.)?(sasl|ssl|security)\..*", "how clients log in"),
)
_LOADED = re.compile(
    r"(.*\.)?(class(\.name|\.path|es)?|reporters|assignors|interceptors|interceptor\.classes|library\.paths|serializer|deserializer)"
)
_REFERENCE = re.compile(r"\$\{")


def broker_door(name: str, value: str | None) -> str | None:
    """What a broker setting decides, if another value of it can allow more than was declared; otherwise None."""
    key = name.strip().lower()
    for pattern, opens in _BROKER:
        if re.fullmatch(pattern, key):
            return opens
    if value is not None and _REFERENCE.search(value):
        return "brokers fill in a value from elsewhere"
    # Classes of Kafka itself do what its documentation says.
    if _LOADED.fullmatch(key) and value and not value.startswith("org.apache.kafka."):
        return "code that brokers load"
    return None


def client_door(name: str, value: str | None) -> str | None:
    """The same of a client's option."""
    if _LOADED.fullmatch(name.strip().lower()) and value and not value.startswith("org.apache.kafka."):
        return "code that the client loads"
    return None
