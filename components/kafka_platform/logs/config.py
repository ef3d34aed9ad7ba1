"""What the OpenTelemetry Collector is told: which files it reads, what it makes of lines, and where they go. No Pulumi.

A line counts as read when it is in a queue on disk, or further: nothing that is only in memory is passed over when the
collector is killed. For that, lines of many parts are put together where the file is split (`multiline`), not by an operator that
holds them back; and it runs with the feature gate `stanza.synchronousLogEmitter`.
"""

import json
from typing import TYPE_CHECKING, Any

from kafka_platform.kube.pods import METRICS_PORT
from kafka_platform.logs.masks import MASKED, SECRETS
from kafka_platform.logs.spec import LogCollectorSpec
from kafka_platform.values.units import size_bytes

if TYPE_CHECKING:
    from kafka_platform.kafka.connection import KafkaConnection

LOGS = "/var/log/pods"
"""Where kubelets put what containers write: `<namespace>_<pod>_<uid>/<container>/<restarts>.log`."""
STATE = "/var/lib/otelcol"
"""Where positions and queues are in the container."""
HEALTH_PORT = 13133
CUT = " [cut]"

_HEAD = r"[^ \n]+ (?:stdout|stderr) "
"""Before each line of a file: when it was written, and where to. A tag follows: F, or P for a part whose line goes on."""
_LEVELS = {
    "trace": "trace",
    "debug": "debug",
    "info": "info",
    "notice": "info",
    "warn": "warn",
    "warning": "warn",
    "err": "error",
    "error": "error",
    "crit": "fatal",
    "critical": "fatal",
    "fatal": "fatal",
    "panic": "fatal",
}
_POSITIONS, _QUEUES = "file_storage/positions", "file_storage/queues"
_WITHOUT_END = {"enabled": True, "initial_interval": "500ms", "max_interval": "5s", "max_elapsed_time": 0}
"""Kafka may be away for as long as it likes."""
_MOST_RECORD = 1_000_000
"""Bytes; Kafka's own limit of a batch is a little more."""
_FILES_AT_A_TIME = 64
"""Of a namespace. Each has a buffer of two lines."""


def config(
    spec: LogCollectorSpec, name: str, namespace: str, connection: "KafkaConnection", files: str, ca: str
) -> str:
    """The collector's file, as JSON, which is YAML too.

    Args:
        spec: the settings.
        name: of the collector, whose own lines are not collected.
        namespace: in which it is.
        connection: how to log in.
        files: folder with its login.
        ca: file with the authority to trust, if the connection names one.
    """
    receivers = {f"file_log/{each}": _receiver(spec, each, name, namespace) for each in spec.namespaces}
    exporters = {f"kafka/{each}": _exporter(spec, each, connection, files, ca) for each in spec.namespaces}
    pipelines = {
        f"logs/{each}": {
            "receivers": [f"file_log/{each}"],
            "processors": ["memory_limiter"],
            "exporters": [f"kafka/{each}"],
        }
        for each in spec.namespaces
    }
    read = {
        "pull": {
            "exporter": {
                "prometheus": {
                    "host": "0.0.0.0",  # noqa: S104 - in a pod, behind a network policy
                    "port": METRICS_PORT,
                    "without_scope_info": True,
                    "without_type_suffix": True,
                    "without_units": True,
                }
            }
        }
    }
    told = {
        "extensions": {
            "health_check": {"endpoint": f"0.0.0.0:{HEALTH_PORT}"},
            _POSITIONS: _storage("positions"),
            _QUEUES: _storage("queues"),
        },
        "receivers": receivers,
        "processors": {
            "memory_limiter": {"check_interval": "1s", "limit_percentage": 80, "spike_limit_percentage": 20}
        },
        "exporters": exporters,
        "service": {
            "extensions": ["health_check", _POSITIONS, _QUEUES],
            "pipelines": pipelines,
            "telemetry": {"metrics": {"level": "normal", "readers": [read]}},
        },
    }
    return json.dumps(told, indent=1, sort_keys=True)


def _storage(folder: str) -> dict[str, Any]:
    # On disk before it counts: a machine that loses its power forgets nothing that Kafka does not have.
    return {"create_directory": True, "directory": f"{STATE}/{folder}", "fsync": True, "timeout": "5s"}


def _receiver(spec: LogCollectorSpec, of: str, name: str, namespace: str) -> dict[str, Any]:
    own = [f"{LOGS}/{namespace}_{name}-*/*/*"] if of == namespace else []
    first = spec.multiline.get(of)
    split = {"line_end_pattern": rf"^{_HEAD}F[^\n]*\n"}
    if first is not None:
        split = {"line_start_pattern": rf"^{_HEAD}[FP][^ \n]* (?:{_told(first)})"}
    return {
        "include": [f"{LOGS}/{of}_*/*/*.log", f"{LOGS}/{of}_*/*/*.log.2*"],
        "exclude": [*own, f"{LOGS}/{of}_*/*/*.gz", f"{LOGS}/{of}_*/*/*.tmp"],
        "include_file_name": False,
        "include_file_path": True,
        "include_file_path_resolved": True,
        # From the beginning: what was written before a pod was seen is collected too.
        "start_at": "beginning",
        "storage": _POSITIONS,
        "retry_on_failure": _WITHOUT_END,
        "max_concurrent_files": _FILES_AT_A_TIME,
        "multiline": split,
        # A last line whose end does not come, as that of a file that was rotated within it.
        "force_flush_period": "3s",
        # The rest of a line that is longer is passed over. What each part begins with counts too, so there is room for both.
        "max_log_size": _most_read(spec),
        "max_log_size_behavior": "truncate",
        # Its end tells whether a line is whole.
        "preserve_trailing_whitespaces": True,
        "operators": _operators(spec, of),
    }


def _most_read(spec: LogCollectorSpec) -> int:
    return 2 * size_bytes(spec.max_line) + 1024


def _told(text: str) -> str:
    """A text in which the collector looks for nothing to fill in."""
    return text.replace("$", "$$")


def _replace(regex: str, by: str, **more: str) -> dict[str, Any]:
    return {"type": "regex_replace", "field": "body", "regex": _told(regex), "replace_with": _told(by), **more}


def _operators(spec: LogCollectorSpec, of: str) -> list[dict[str, Any]]:
    path = r"^/var/log/pods/(?P<namespace>[a-z0-9-]+)_(?P<pod>[a-z0-9.-]+)_[^/]+/(?P<container>[a-z0-9-]+)/[0-9]+\.log"
    masks = [*(SECRETS if spec.mask_secrets else ()), *spec.mask]
    most = size_bytes(spec.max_line)
    levels = json.dumps(_LEVELS)
    document = (
        '{"time": attributes.time, "namespace": resource.namespace, "pod": resource.pod, "container": resource.container, '
        '"node": "${env:NODE_NAME}", "stream": attributes.stream, "severity": attributes.severity, "line": body}'
    )
    return [
        # A pod that can write to the machine's folder of logs could place a link there to what only the collector reads.
        {
            "type": "filter",
            "expr": f'not (attributes["log.file.path_resolved"] startsWith "{LOGS}/{of}_")',
        },
        {
            "type": "regex_parser",
            "regex": path + ".*$$",
            "parse_from": 'attributes["log.file.path"]',
            "parse_to": "resource",
        }
        | {"on_error": "drop_quiet"},
        {
            "type": "regex_parser",
            "regex": r"^(?P<time>[^ \n]+) (?P<stream>stdout|stderr) [FP](?s:.*)$$",
            "parse_to": "attributes",
        }
        | {"on_error": "send_quiet"},
        {"type": "add", "field": "attributes.cut", "value": "yes", "if": r'not (body endsWith "\n")'},
        # In one pass, so that what a program writes cannot pass for the beginning of a line.
        _replace(rf"(?m)(?:^{_HEAD}F[^ \n]* ?([^\n]*\n?)|^{_HEAD}P[^ \n]* ?([^\n]*)\n?)", "${1}${2}"),
        _replace(r"\n\z", ""),
        *(_replace(each, MASKED) for each in masks),
        {
            "type": "regex_parser",
            "regex": rf"(?i)\b(?P<severity>{'|'.join(sorted(_LEVELS))})\b",
            "parse_to": "attributes",
            "on_error": "send_quiet",
        },
        {
            "type": "add",
            "field": "attributes.severity",
            "value": f'EXPR({levels}[lower(attributes.severity ?? "")] ?? "unknown")',
        },
        {"type": "add", "field": "attributes.cut", "value": "yes", "if": f'body[{most}:] != ""'},
        {"type": "add", "field": "body", "value": f'EXPR(body[:{most}] + "{CUT}")', "if": "attributes.cut != nil"},
        {"type": "add", "field": "body", "value": f"EXPR({document})"},
    ]


def _exporter(spec: LogCollectorSpec, of: str, connection: "KafkaConnection", files: str, ca: str) -> dict[str, Any]:
    told: dict[str, Any] = {
        "brokers": "${env:KAFKA_BOOTSTRAP_SERVERS}",
        "client_id": f"logs-{of}",
        "protocol_version": "3.6.0",
        "logs": {"topic": spec.topic_of(of), "encoding": "raw"},
        # Lines of a container are in one partition, in their order.
        "partition_logs_by_resource_attributes": True,
        "record_partitioner": {"sticky_key": {"hasher": "murmur2"}},
        "record_headers": [
            {"name": "namespace", "value": of},
            {"name": "node", "value": "${env:NODE_NAME}"},
        ],
        "producer": {
            "required_acks": -1,
            "compression": "zstd",
            "max_message_bytes": _MOST_RECORD,
            "allow_auto_topic_creation": False,
        },
        "timeout": "30s",
        "retry_on_failure": _WITHOUT_END,
        "sending_queue": {
            "enabled": True,
            "storage": _QUEUES,
            "sizer": "bytes",
            "queue_size": size_bytes(spec.queue),
            "block_on_overflow": True,
            # One, so that lines stay in their order.
            "num_consumers": 1,
            "batch": {"flush_timeout": "200ms", "min_size": 500_000, "max_size": 2_000_000, "sizer": "bytes"},
        },
    }
    if connection.sasl_mechanism is not None:
        told["auth"] = {
            "sasl": {
                "mechanism": connection.sasl_mechanism,
                "username": "${env:KAFKA_SASL_USERNAME}",
                "password": f"${{file:{files}/password}}",
            }
        }
    if "SSL" in str(connection.security_protocol).replace("SASL", ""):
        told["tls"] = {
            **({} if connection.ca_secret is None else {"ca_file": ca}),
            **(
                {"cert_file": f"{files}/tls.crt", "key_file": f"{files}/tls.key"}
                if connection.client_certificates
                else {}
            ),
        }
    return told
