"""What has to fit together where operators are installed with a stack, or found in the Kubernetes cluster."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kafka_platform.kafka.protocols import Engine

from infra.settings.faults import Fault, Known, Path
from infra.settings.model import Settings
from infra.settings.operators import Operator, Prometheus

_OF_KUBERNETES = "kube-"
"""What the names of Kubernetes' own namespaces begin with; it keeps the prefix to itself."""


@dataclass(frozen=True, kw_only=True)
class _Kind:
    name: str
    """What it is called in a message."""
    without_install: frozenset[str] = frozenset()
    """What may be said of one that the Kubernetes cluster has."""


_KINDS: Mapping[str, _Kind] = {
    "strimzi": _Kind(name="the operator"),
    "drain_cleaner": _Kind(name="the Drain Cleaner"),
    "cert_manager": _Kind(name="cert-manager", without_install=frozenset({"namespace"})),
    "prometheus": _Kind(name="Prometheus", without_install=frozenset({"namespace", "alerts", "labels"})),
    "keda": _Kind(name="KEDA", without_install=frozenset({"namespace"})),
}


def creation_fault(namespace: str) -> str | None:
    """What is wrong with making a namespace of that name, if it is one of Kubernetes itself."""
    if namespace == "default":
        return f"{namespace!r} is in every Kubernetes cluster already: write createNamespace: false, or another name"
    if namespace.startswith(_OF_KUBERNETES):
        return (
            f"{namespace!r} is of Kubernetes itself, which is never made: write createNamespace: false, or another name"
        )
    return None


def system_namespace_fault(namespace: str) -> str | None:
    """What is wrong with a platform or a team in a namespace of that name, if it is one of Kubernetes' own programs."""
    if not namespace.startswith(_OF_KUBERNETES):
        return None
    return f"{namespace!r} is of Kubernetes itself, whose programs may read all Secrets in it: choose another namespace"


OPERATORS = tuple(str(Settings.model_fields[field].alias) for field in _KINDS)
"""The keys of what can be installed with a stack."""


def operator_namespaces(settings: Settings) -> list[str]:
    """The namespaces that are made for what is installed with the stack."""
    found: list[Operator | None] = [getattr(settings, field) for field in _KINDS]
    return [each.namespace for each in found if each is not None and each.install and each.create_namespace]


def installations(settings: Settings, known: Known) -> Iterator[Fault]:
    """Every fault of what is installed with the stack."""
    made = dict.fromkeys(settings.created_namespaces, "by this file")
    for field, kind in _KINDS.items():
        operator: Operator | None = getattr(settings, field)
        key = str(Settings.model_fields[field].alias)
        if operator is None or not known(key, "install"):
            continue
        if operator.install:
            yield from _namespace(key, operator, made)
            continue
        for name in sorted(known.written(key) - {"install"} - kind.without_install):
            message = f"{kind.name} is in the cluster already: remove the key, or write install: true"
            yield Fault(path=(key, name), message=message)
    yield from _strimzi(settings, known)
    yield from _drain_cleaner(settings, known)
    yield from _prometheus(settings, known)


def _namespace(key: str, operator: Operator, made: dict[str, str]) -> Iterator[Fault]:
    if not operator.create_namespace:
        return
    reserved = creation_fault(operator.namespace)
    if reserved is not None:
        yield Fault(path=(key, "namespace"), message=reserved)
    elif operator.namespace in made:
        message = f"{operator.namespace!r} is made {made[operator.namespace]} already: write createNamespace: false, or another name"
        yield Fault(path=(key, "namespace"), message=message)
    made.setdefault(operator.namespace, f"for {key}")


def _strimzi(settings: Settings, known: Known) -> Iterator[Fault]:
    operator = settings.strimzi
    if operator is None or not known("strimzi") or not known("kafka", "engine"):
        return
    if settings.kafka.engine is not Engine.STRIMZI:
        yield Fault(path=("strimzi",), message=_other_engine(settings))
    elif (
        operator.install
        and operator.watch_namespaces
        and settings.namespace not in (operator.namespace, *operator.watch_namespaces)
    ):
        yield Fault(
            path=("strimzi", "watchNamespaces"),
            message=f"{settings.namespace!r} is not among them, and the Kafka is there: add it, or remove the key",
        )


def _other_engine(settings: Settings) -> str:
    return f"the engine is {settings.kafka.engine.value}: remove the key, or write kafka.engine: strimzi"


def _drain_cleaner(settings: Settings, known: Known) -> Iterator[Fault]:
    cleaner = settings.drain_cleaner
    if cleaner is None or not known("drainCleaner") or not known("kafka"):
        return
    if settings.kafka.engine is not Engine.STRIMZI:
        yield Fault(path=("drainCleaner",), message=_other_engine(settings))
    elif not settings.kafka.drain_cleaner:
        message = "the Kafka does not expect it and lets machines be drained without it: write kafka.drainCleaner: true"
        yield Fault(path=("drainCleaner",), message=message)
    elif cleaner.install and settings.cert_manager is None and known("certManager"):
        yield Fault(
            path=("drainCleaner",),
            message="its webhook needs a certificate: write certManager: {} if it is in the cluster, or install: true",
        )


def _prometheus(settings: Settings, known: Known) -> Iterator[Fault]:
    prometheus = settings.prometheus
    if prometheus is None or not known("prometheus"):
        return
    own = settings.namespace
    watched: list[tuple[Path, str, Sequence[str]]] = []
    if settings.gateway is not None and known("gateway"):
        watched.append((("gateway", "metricsNamespaces"), own, settings.gateway.metrics_namespaces))
    if settings.probe is not None and known("probe"):
        watched.append((("probe", "metricsNamespaces"), own, settings.probe.metrics_namespaces))
    for name in settings.watched_workers:
        worker = settings.workers[name]
        home = settings.namespace_of(worker.tenant)
        watched.append((("workers", name, "clientNamespaces"), home, worker.client_namespaces))
    for path, home, allowed in watched:
        if allowed and prometheus.namespace not in (home, *allowed):
            message = f"Prometheus may not connect: add {prometheus.namespace!r}, or remove the key"
            yield Fault(path=path, message=message)
    yield from _scaling(settings, known, prometheus)


def _scaling(settings: Settings, known: Known, prometheus: Prometheus) -> Iterator[Fault]:
    scaling = settings.kafka.scaling
    if scaling is None or not known("kafka"):
        return
    usual = type(scaling).prometheus
    if prometheus.install and scaling.prometheus == usual and f".{prometheus.namespace}.svc" not in usual:
        yield Fault(
            path=("kafka", "scaling", "prometheus"),
            message=f"{usual} is not the Prometheus of this file: write http://prometheus-operated.{prometheus.namespace}.svc:9090",
        )
