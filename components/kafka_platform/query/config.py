"""Trino's configuration, and what each of its users may query. No Pulumi."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from kafka_platform.kafka.properties import java_properties
from kafka_platform.kube.jvm import JvmMemory
from kafka_platform.kube.pods import HTTP_PORT
from kafka_platform.query.spec import METRICS_USER, QueryReader, QuerySpec, QueryTable, column_of, table_of
from kafka_platform.values.units import milliseconds, quantity, size_bytes

HTTPS_PORT = 8443
CATALOG, SCHEMA = "kafka", "topics"
"""What the tables of topics are called in full: `kafka.topics.orders`."""
TEXT_COLUMN = "message"
"""Of a table whose columns nobody has declared."""
HOME = "/usr/lib/trino"
FOLDER = "/etc/kafka-platform/trino"
"""In its folder `etc` Trino looks for what cannot be placed elsewhere."""
ETC = f"{FOLDER}/etc"
RUN = "/etc/kafka-platform/run"
"""What the keeper makes of Secrets: hashes of passwords, and the certificate with its key."""
DATA = "/data/trino"
CREDENTIALS = "/etc/kafka-platform/credentials"
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


def files(spec: QuerySpec, readers: Mapping[str, QueryReader], bootstrap_servers: str) -> dict[str, str]:
    """All files, by their paths in Trino's folder `etc`."""
    topics = sorted({topic for each in readers.values() for topic in each.topics})
    return {
        "access-control.properties": java_properties(
            {
                "access-control.name": "file",
                "security.config-file": f"{ETC}/rules.json",
                "security.refresh-period": "5s",
            }
        ),
        f"catalog/{CATALOG}.properties": java_properties(catalog(topics, bootstrap_servers)),
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
        "rules.json": _json(rules(readers)),
        **{f"tables/{table_of(topic)}.json": _json(table(topic, spec.tables.get(topic))) for topic in topics},
    }


def server(spec: QuerySpec) -> dict[str, str]:
    """Trino's own settings. Passwords are only taken over TLS, or from what comes through the API server into the pod."""
    heap = int(quantity(spec.resources.memory)) // 2**20 - MEMORY.outside
    query, spill = int(heap * _QUERY_SHARE), size_bytes(spec.spill)
    found = {
        "access-control.config-files": f"{ETC}/access-control.properties",
        "catalog.config-dir": f"{ETC}/catalog",
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


def catalog(topics: Sequence[str], bootstrap_servers: str) -> dict[str, str]:
    """The catalog of the topics."""
    return {
        "connector.name": "kafka",
        "kafka.config.resources": f"{CREDENTIALS}/client.properties",
        "kafka.default-schema": SCHEMA,
        "kafka.nodes": bootstrap_servers,
        "kafka.table-description-dir": f"{ETC}/tables",
        "kafka.table-description-supplier": "FILE",
        "kafka.table-names": ",".join(f"{SCHEMA}.{table_of(topic)}" for topic in topics),
    }


def table(topic: str, declared: QueryTable | None) -> dict[str, Any]:
    """What Trino is told of a topic: its columns, or that a record is one text."""
    columns = [column_of(each) for each in (declared.columns if declared is not None else ())]
    text = {"mapping": "0", "name": TEXT_COLUMN, "type": "VARCHAR"}
    fields: list[dict[str, str]] = [
        {
            "mapping": each.member,
            "name": each.name,
            "type": each.type,
            **({"dataFormat": "iso8601"} if each.type in ("DATE", "TIMESTAMP") else {}),
        }
        for each in columns
    ]
    return {
        "message": {"dataFormat": "json", "fields": fields} if fields else {"dataFormat": "raw", "fields": [text]},
        "schemaName": SCHEMA,
        "tableName": table_of(topic),
        "topicName": topic,
    }


def literally(names: Sequence[str]) -> str:
    """A regular expression of Java that matches these names and nothing else."""
    return "|".join(re.sub(r"([^\w])", r"\\\1", name, flags=re.ASCII) for name in names)


def rules(readers: Mapping[str, QueryReader]) -> dict[str, Any]:
    """Who may do what: each reads its topics. What no rule allows is denied."""
    tables = [
        {
            "catalog": CATALOG,
            "privileges": ["SELECT"],
            "schema": SCHEMA,
            "table": literally(sorted(table_of(topic) for topic in reader.topics)),
            "user": literally([user]),
        }
        for user, reader in sorted(readers.items())
    ]
    everybody = literally(sorted(readers))
    return {
        "authorization": [],
        "catalog_session_properties": [{"allow": False}],
        "catalogs": [
            {"allow": "read-only", "catalog": f"{CATALOG}|system", "user": everybody},
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
