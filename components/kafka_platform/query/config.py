"""Trino's configuration, and what each of its users may query. No Pulumi."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from kafka_platform.kafka.properties import java_properties
from kafka_platform.kube.jvm import JvmMemory
from kafka_platform.kube.pods import HTTP_PORT
from kafka_platform.query.catalogs import CATALOG, ETC, REGISTERED, SCHEMA, catalogs, table_files
from kafka_platform.query.sources import RUN, Sources
from kafka_platform.query.spec import METRICS_USER, QueryReader, QuerySpec, is_avro, registered_table_of, table_of
from kafka_platform.values.units import milliseconds, quantity, size_bytes

HTTPS_PORT = 8443
HOME = "/usr/lib/trino"
DATA = "/data/trino"
PASSWORDS, CERTIFICATE = f"{RUN}/password.db", f"{RUN}/server.pem"

MEMORY = JvmMemory(metaspace=256, code=128, direct=128, outside=768)
_QUERY_SHARE, _HEADROOM_SHARE = 0.4, 0.3
"""Of the heap: what one query may take, and what is not on any query's account."""
_RESULT_BYTES = "16MB"
_QUERY_LENGTH = 100_000
"""Characters of a query."""
_HISTORY = 50
"""Queries that have ended of which something is still in memory."""
_OPENS = ("java.base/java.nio=ALL-UNNAMED", "java.base/java.lang=ALL-UNNAMED")


def files(
    spec: QuerySpec, readers: Mapping[str, QueryReader], sources: Sources, bootstrap_servers: str
) -> dict[str, str]:
    """All files, by their paths in Trino's folder `etc`; those of catalogs have marks for what is in Secrets."""
    topics = sorted({topic for each in readers.values() for topic in each.topics})
    known = catalogs(topics, spec.tables, bootstrap_servers) | {
        name: each.properties(name) for name, each in sources.items()
    }
    return {
        "access-control.properties": java_properties(
            {
                "access-control.name": "file",
                "security.config-file": f"{ETC}/rules.json",
                "security.refresh-period": "5s",
            }
        ),
        **{f"catalog/{name}.properties": java_properties(each) for name, each in known.items()},
        "config.properties": java_properties(server(spec)),
        "log.properties": java_properties({"io.trino": "WARN", "io.airlift": "WARN", "org.apache.kafka": "ERROR"}),
        "password-authenticator.properties": java_properties(
            {"password-authenticator.name": "file", "file.password-file": PASSWORDS, "file.refresh-period": "5s"}
        ),
        "resource-groups.json": _json(resource_groups(spec, readers)),
        "resource-groups.properties": java_properties(
            {
                "resource-groups.configuration-manager": "file",
                "resource-groups.config-file": f"{ETC}/resource-groups.json",
            }
        ),
        "rules.json": _json(rules(spec, readers, sources)),
        **{f"tables/{name}.json": _json(each) for name, each in table_files(topics, spec.tables).items()},
    }


def server(spec: QuerySpec) -> dict[str, str]:
    """Trino's own settings. Passwords are only taken over TLS, or from what comes through the API server into the pod."""
    heap = int(quantity(spec.resources.memory)) // 2**20 - MEMORY.outside
    query, spill = int(heap * _QUERY_SHARE), size_bytes(spec.spill)
    found = {
        "access-control.config-files": f"{ETC}/access-control.properties",
        "catalog.config-dir": f"{RUN}/catalog",
        "catalog.management": "static",
        "coordinator": "true",
        "discovery.uri": f"http://localhost:{HTTP_PORT}",
        "http-server.authentication.type": "PASSWORD",
        "http-server.http.port": str(HTTP_PORT),
        "http-server.log.enabled": "false",
        "http-server.process-forwarded": "true",
        "http-server.threads.max": "100",
        "internal-communication.shared-secret": "${ENV:SHARED_SECRET}",
        "management.user": METRICS_USER,
        "max-spill-per-node": f"{spill}B",
        "memory.heap-headroom-per-node": f"{int(heap * _HEADROOM_SHARE)}MB",
        "node-scheduler.include-coordinator": "true",
        "password-authenticator.config-files": f"{ETC}/password-authenticator.properties",
        "query.client.timeout": "1m",
        "query.max-execution-time": _time(spec),
        "query.max-history": str(_HISTORY),
        "query.max-length": str(_QUERY_LENGTH),
        "query.max-memory": f"{query}MB",
        "query.max-memory-per-node": f"{query}MB",
        "query.max-run-time": _time(spec),
        "query.max-total-memory": f"{query}MB",
        "query.min-expire-age": "1m",
        "query-max-spill-per-node": f"{spill // 2}B",
        "spill-enabled": "true",
        "spiller-spill-path": f"{DATA}/spill",
        "web-ui.enabled": "false",
    }
    if spec.tls is not None:
        found |= {
            "http-server.https.enabled": "true",
            "http-server.https.keystore.path": CERTIFICATE,
            "http-server.https.port": str(HTTPS_PORT),
        }
    return found


def _time(spec: QuerySpec) -> str:
    return f"{milliseconds(spec.limits.time):.0f}ms"


def literally(names: Sequence[str]) -> str:
    """A regular expression of Java that matches these names and nothing else."""
    return "|".join(re.sub(r"([^\w])", r"\\\1", name, flags=re.ASCII) for name in names)


def _readable(spec: QuerySpec, reader: QueryReader) -> dict[tuple[str, str], list[str]]:
    """The tables that somebody may read, by their catalogs and schemas."""
    found: dict[tuple[str, str], list[str]] = {}
    for topic in sorted(reader.topics):
        if is_avro(topic, spec.tables):
            found.setdefault((REGISTERED, SCHEMA), []).append(registered_table_of(topic))
        else:
            found.setdefault((CATALOG, SCHEMA), []).append(table_of(topic))
    for each in sorted(reader.tables):
        catalog, schema, table = each.lower().split(".")
        found.setdefault((catalog, schema), []).append(table)
    return found


def rules(spec: QuerySpec, readers: Mapping[str, QueryReader], sources: Sources) -> dict[str, Any]:
    """Who may do what: each reads its topics and tables. What no rule allows is denied."""
    tables = [
        {
            "catalog": literally([catalog]),
            "privileges": ["SELECT"],
            "schema": literally([schema]),
            "table": literally(names),
            "user": literally([user]),
        }
        for user, reader in sorted(readers.items())
        for (catalog, schema), names in sorted(_readable(spec, reader).items())
    ]
    everybody = literally(sorted(readers))
    known = literally([CATALOG, REGISTERED, *sources, "system"])
    return {
        "authorization": [],
        "catalog_session_properties": [{"allow": False}],
        "catalogs": [
            {"allow": "read-only", "catalog": known, "user": everybody},
            {"allow": "none"},
        ],
        "functions": [],
        "impersonation": [{"allow": False, "new_user": ".*", "original_user": ".*"}],
        "procedures": [],
        "queries": [{"allow": ["execute"], "user": everybody}],
        "schemas": [{"owner": False}],
        "system_information": [{"allow": ["read"], "user": literally([METRICS_USER])}],
        "system_session_properties": [{"allow": False}],
        "tables": [
            *tables,
            # Clients ask there for what their user may see.
            {"catalog": "system", "privileges": ["SELECT"], "schema": "jdbc", "user": everybody},
            {"privileges": []},
        ],
    }


def resource_groups(spec: QuerySpec, readers: Mapping[str, QueryReader]) -> dict[str, Any]:
    """How many queries run and wait: of all, and of each tenant."""
    limits = spec.limits
    tenants: dict[str, list[str]] = {}
    for user, reader in sorted(readers.items()):
        # No tenant has a colon.
        tenants.setdefault(reader.tenant if reader.tenant is not None else f"user:{user}", []).append(user)
    groups = [
        {
            "hardConcurrencyLimit": limits.tenant_concurrent,
            "maxQueued": limits.queued,
            "name": f"t{number}",
            "softMemoryLimit": "80%",
        }
        for number, _ in enumerate(tenants)
    ]
    selectors = [{"group": f"all.t{number}", "user": literally(users)} for number, users in enumerate(tenants.values())]
    whole = {
        "hardConcurrencyLimit": limits.concurrent,
        "maxQueued": limits.queued * max(len(tenants), 1),
        "name": "all",
        "schedulingPolicy": "fair",
        "softMemoryLimit": "80%",
        "subGroups": groups,
    }
    return {"rootGroups": [whole], "selectors": selectors}


def java_options(spec: QuerySpec) -> list[str]:
    """Options of its JVM: every part of its memory has a bound."""
    return [
        "-server",
        *MEMORY.options(spec.resources.memory),
        "-XX:-OmitStackTraceInFastThrow",
        "-Djdk.attach.allowAttachSelf=true",
        "-Djdk.nio.maxCachedBufferSize=2000000",
        "-Dfile.encoding=UTF-8",
        "-XX:+EnableDynamicAgentLoading",
        "-XX:+IgnoreUnrecognizedVMOptions",
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        *(f"--add-opens={each}" for each in _OPENS),
    ]


def _json(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True)
