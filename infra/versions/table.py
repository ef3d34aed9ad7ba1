"""The versions that this release works with. Each stands here by the constant or the file that decides on it: there is no second copy.

The days were looked up on `LOOKED_UP`, at endoflife.date (its repository at a70eca33), which names the projects' own pages: these are
the `source` of each part. What is newer than that is not known, and is not judged.
"""

from collections.abc import Mapping
from datetime import date

from kafka_platform.cluster.nodes import LEAST_VERSION as LEAST_KAFKA
from kafka_platform.cluster.spec import KAFKA_VERSION
from kafka_platform.cluster.strimzi.spec import KAFKA_VERSIONS
from kafka_platform.kafka.protocols import Engine
from kafka_platform.kube.images import COLLECTOR_IMAGE, PROMETHEUS_IMAGE, REGISTRY_IMAGE, TRINO_IMAGE
from kafka_platform.kube.operated import STRIMZI_VERSION
from kafka_platform.operators.cert_manager import spec as cert_manager
from kafka_platform.operators.drain_cleaner import spec as drain_cleaner
from kafka_platform.operators.keda import spec as keda
from kafka_platform.operators.prometheus.spec import PROMETHEUS_OPERATOR_VERSION
from kafka_platform.streams.config import FLINK

from infra.capabilities.kafka import LEAST_KUBERNETES
from infra.kubernetes_version import MAJOR
from infra.versions.parts import Part, Written

LOOKED_UP = date(2026, 8, 22)
"""When the days were looked up."""
KUBERNETES, KAFKA, FLINK_JOBS, PYTHON = "kubernetes", "kafka", "flink", "python"


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _tag(image: str) -> str:
    """The version in an image's name."""
    return image.rpartition(":")[2].removeprefix("v")


def _kubernetes(engine: Engine) -> str:
    return f"{MAJOR}.{max(each.minor for each in LEAST_KUBERNETES[engine])}"


PARTS: Mapping[str, Part] = {
    KUBERNETES: Part(
        name="Kubernetes",
        used=Written(file="sandbox/pins.py", pattern=r'^KUBERNETES = "(.+)"$'),
        works=f"{_kubernetes(Engine.EMBEDDED)} or newer, {_kubernetes(Engine.STRIMZI)} or newer with Strimzi or with workers that have "
        "`ports`; any with an external Kafka alone",
        policy="14 months from its release; providers care for some longer",
        source="https://kubernetes.io/releases/patch-releases/",
        ends={
            "1.28": date(2024, 10, 28),
            "1.29": date(2025, 2, 28),
            "1.30": date(2025, 7, 15),
            "1.31": date(2025, 11, 11),
            "1.32": date(2026, 2, 28),
            "1.33": date(2026, 6, 28),
            "1.34": date(2026, 10, 27),
            "1.35": date(2027, 2, 28),
            "1.36": date(2027, 6, 28),
        },
    ),
    KAFKA: Part(
        name="Kafka",
        used=KAFKA_VERSION,
        works=f"embedded {_dotted(LEAST_KAFKA)} or newer; Strimzi {', '.join(KAFKA_VERSIONS)}; external: [clients.md](clients.md)",
        policy="its last minor versions; names no day",
        source="https://cwiki.apache.org/confluence/display/KAFKA/Time+Based+Release+Plan",
        ends=dict.fromkeys(("4.0", "4.1", "4.2", "4.3")),
    ),
    "strimzi": Part(
        name="Strimzi",
        used=STRIMZI_VERSION,
        works=f"{STRIMZI_VERSION} or newer with the API `kafka.strimzi.io/v1`",
        policy="names no day",
        source="https://strimzi.io/downloads/",
        least=STRIMZI_VERSION,
    ),
    "drain_cleaner": Part(
        name="Strimzi's Drain Cleaner",
        used=drain_cleaner.DRAIN_CLEANER_VERSION,
        works=f"{_dotted(drain_cleaner.LEAST_VERSION)} or newer",
        policy="names no day",
        source="https://github.com/strimzi/drain-cleaner/releases",
        least=_dotted(drain_cleaner.LEAST_VERSION),
    ),
    "keda": Part(
        name="KEDA",
        used=keda.VERSION,
        works=f"{_dotted(keda.LEAST_VERSION)} or newer",
        policy="until the second minor version after it",
        source="https://github.com/kedacore/governance/blob/main/RELEASES.md",
        ends={"2.17": date(2026, 2, 2), "2.18": date(2026, 6, 1), "2.19": None, "2.20": None},
        least=_dotted(keda.LEAST_VERSION),
    ),
    "cert_manager": Part(
        name="cert-manager",
        used=cert_manager.CERT_MANAGER_VERSION,
        works=f"{_dotted(cert_manager.LEAST_VERSION)} or newer",
        policy="until the second minor version after it",
        source="https://cert-manager.io/docs/releases/",
        ends={"1.20": None, "1.21": None},
        least=_dotted(cert_manager.LEAST_VERSION),
    ),
    "prometheus": Part(
        name="Prometheus operator",
        used=PROMETHEUS_OPERATOR_VERSION,
        works="any with the API `monitoring.coreos.com/v1`",
        policy="names no day",
        source="https://prometheus-operator.dev/docs/getting-started/compatibility/",
    ),
    "prometheus_server": Part(
        name="Prometheus without an operator",
        used=_tag(PROMETHEUS_IMAGE),
        works="3",
        policy="six weeks, and a year for a long-term version",
        source="https://prometheus.io/docs/introduction/release-cycle/",
        ends={
            "3.11": date(2026, 5, 14),
            "3.12": date(2026, 7, 9),
            "3.13": date(2027, 7, 31),
            "3.14": date(2026, 9, 30),
        },
        image="prometheus",
    ),
    FLINK_JOBS: Part(
        name="Flink",
        used=Written(file="sandbox/pins.py", pattern=r'^FLINK = "(.+)"$'),
        works=f"{FLINK} in images based on the platform's",
        policy="its last minor versions; names no day before",
        source="https://flink.apache.org/downloads/",
        ends={"2.0": date(2026, 6, 25), "2.1": None, "2.2": None, "2.3": None},
    ),
    "trino": Part(
        name="Trino",
        used=_tag(TRINO_IMAGE),
        works=f"{_tag(TRINO_IMAGE)}",
        policy="names no day",
        source="https://trino.io/docs/current/release.html",
        image="trino",
    ),
    "debezium": Part(
        name="Debezium",
        used=Written(
            file="runtime/connect/pom.xml",
            pattern=r"<groupId>io\.debezium</groupId>.*<version>(.+?)(?:\.Final)?</version>",
        ),
        works="those in the image of Kafka Connect",
        policy="names no day",
        source="https://debezium.io/releases/",
    ),
    "apicurio": Part(
        name="Apicurio Registry",
        used=_tag(REGISTRY_IMAGE),
        works="3",
        policy="names no day",
        source="https://github.com/Apicurio/apicurio-registry/releases",
        image="apicurio-registry",
    ),
    "collector": Part(
        name="OpenTelemetry Collector",
        used=_tag(COLLECTOR_IMAGE),
        works=f"{_tag(COLLECTOR_IMAGE)}",
        policy="names no day",
        source="https://github.com/open-telemetry/opentelemetry-collector-releases/releases",
        image="opentelemetry-collector-contrib",
    ),
    "pulumi": Part(
        name="Pulumi",
        used=Written(file="requirements.txt", pattern=r"^pulumi==(.+)$"),
        works="3, the version of `requirements.txt` or newer",
        policy="names no day",
        source="https://www.pulumi.com/docs/install/versions/",
    ),
    PYTHON: Part(
        name="Python",
        used=Written(file="sandbox/pins.py", pattern=r'^PYTHON = "(.+)"$'),
        works="3.11 or newer, where the program and its command line run",
        policy="five years from its release",
        source="https://devguide.python.org/versions/",
        ends={
            "3.11": date(2027, 10, 31),
            "3.12": date(2028, 10, 31),
            "3.13": date(2029, 10, 31),
            "3.14": date(2030, 10, 31),
        },
    ),
}
"""By the keys that the doctor has for operators, and for what it finds otherwise."""
LEAST_OPERATORS = {key: part.least for key, part in PARTS.items() if part.least is not None}
"""The oldest operators that this program works with."""
