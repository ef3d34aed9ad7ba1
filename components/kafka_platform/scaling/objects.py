"""The Kubernetes objects that scale a workload: one pure function renders each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kafka_platform.kafka.oauth import OAuth
from kafka_platform.kafka.secrets import extensions_text
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import Manifest, labels, metadata
from kafka_platform.kube.objects import Object
from kafka_platform.kube.operated import KEDA_API, KEDA_SCALES
from kafka_platform.program.clients import OffsetReset
from kafka_platform.scaling.spec import SCALE_UP_PERIOD_SECONDS, PrometheusScale, Scale
from kafka_platform.values.units import whole_seconds

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection

COMPONENT = "scaler"
SURGE_METRIC = "kafka_surge_records_per_second"
FAILURES = 3
"""Failed looks in a row until the fallback: one broker that restarts is none."""

# KEDA's names for Kafka's mechanisms.
_SASL = {
    "OAUTHBEARER": "oauthbearer",
    "PLAIN": "plaintext",
    "SCRAM-SHA-256": "scram_sha256",
    "SCRAM-SHA-512": "scram_sha512",
}
_PASSWORD = {"username": "username", "password": "password"}
_CERTIFICATE = {"tls.crt": "cert", "tls.key": "key"}
"""KEDA's parameters of a login, by the key of its Secret."""


@dataclass(frozen=True, kw_only=True)
class ScalerSettings:
    """Inputs of the objects of a scaler."""

    name: str
    namespace: "Input[str]"
    connection: "KafkaConnection"
    scale: Scale
    max: int
    target: "Input[str]"
    target_kind: str = "Deployment"
    topics: Sequence[str] = ()
    group: str | None = None
    offset_reset: OffsetReset = OffsetReset.EARLIEST
    secret: "Input[str] | None" = None
    """Name of the Secret with KEDA's login."""
    surge: "Input[str] | None" = None
    """Metrics of the exporter that adds pods at once; None: nobody does."""

    @property
    def logs_in(self) -> bool:
        """Whether KEDA needs a user of Kafka, or an authority to trust."""
        connection = self.connection
        return self.scale.by_lag and (self.secret is not None or connection.ca_secret is not None)

    @property
    def oauth(self) -> OAuth | None:
        """KEDA's token endpoint, if it logs in with tokens."""
        return self.connection.oauth if self.scale.by_lag and self.secret is not None else None


def objects(settings: ScalerSettings) -> list[Object]:
    """The scaler's objects, in the order in which they are needed."""
    logins: list[Object] = []
    if settings.oauth is not None:
        # KEDA takes these from objects alone, not from a trigger.
        logins.append(Object(role="tokens", manifest=config_map(settings, settings.oauth)))
    if settings.logs_in:
        logins.append(Object(role="login", manifest=trigger_authentication(settings), after=[*logins]))
    prometheus = settings.scale.prometheus
    if prometheus is not None and prometheus.bearer_secret is not None:
        logins.append(Object(role="prometheus", manifest=prometheus_authentication(settings, prometheus)))
    return [*logins, Object(role="scaled", manifest=scaled_object(settings), after=logins, wait=KEDA_SCALES)]


def scaled_object(settings: ScalerSettings) -> Manifest:
    """The ScaledObject with metrics and limits, from which KEDA creates a HorizontalPodAutoscaler."""
    scale = settings.scale
    triggers = _triggers(settings)
    advanced: Manifest = {"horizontalPodAutoscalerConfig": {"behavior": _behavior(settings)}}
    if scale.by_lag and len(settings.topics) > 1:
        advanced["scalingModifiers"] = _together(settings, triggers)
    spec: Manifest = {
        "advanced": advanced,
        "maxReplicaCount": settings.max,
        "minReplicaCount": scale.min,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": settings.target_kind, "name": settings.target},
        "triggers": triggers,
    }
    if scale.min == 0:  # KEDA's own look matters for the first and the last pod only, and it warns where it does not
        spec["cooldownPeriod"] = whole_seconds(scale.cooldown)
        spec["pollingInterval"] = whole_seconds(scale.polling)
    if scale.fallback_pods is not None:
        spec["fallback"] = {
            "behavior": "currentReplicasIfHigher",
            "failureThreshold": FAILURES,
            "replicas": scale.fallback_pods,
        }
    return {
        "apiVersion": KEDA_API,
        "kind": "ScaledObject",
        "metadata": metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        "spec": dict(sorted(spec.items())),
    }


def trigger_authentication(settings: ScalerSettings) -> Manifest:
    """The login of KEDA at Kafka: from the Secret of a user that may only see offsets."""
    connection, references = settings.connection, list[Manifest]()
    if settings.secret is not None:
        keys = _CERTIFICATE if connection.client_certificates else _PASSWORD
        references += [{"key": key, "name": settings.secret, "parameter": each} for key, each in keys.items()]
    if connection.ca_secret is not None:
        references.append({"key": "ca.crt", "name": connection.ca_secret, "parameter": "ca"})
    authentication = _authentication(settings, settings.name, references)
    if settings.oauth is not None:
        name = f"{settings.name}-tokens"
        authentication["spec"]["configMapTargetRef"] = [
            {"key": key, "name": name, "parameter": key} for key in _tokens(settings.oauth)
        ]
    return authentication


def config_map(settings: ScalerSettings, oauth: OAuth) -> Manifest:
    """KEDA's token settings."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(f"{settings.name}-tokens", settings.namespace, labels(settings.name, COMPONENT)),
        "data": _tokens(oauth),
    }


def _tokens(oauth: OAuth) -> Manifest:
    """KEDA's parameters of a token endpoint."""
    found: Manifest = {"oauthTokenEndpointUri": oauth.token_url}
    if oauth.extensions:
        found["oauthExtensions"] = extensions_text(oauth.extensions)
    if oauth.scope is not None:
        # KEDA separates several by commas.
        found["scopes"] = derived(lambda scope: scope.replace(" ", ","), oauth.scope)
    return dict(sorted(found.items()))


def prometheus_authentication(settings: ScalerSettings, prometheus: PrometheusScale) -> Manifest:
    """The login of KEDA at Prometheus."""
    reference = {"key": "token", "name": prometheus.bearer_secret, "parameter": "bearerToken"}
    return _authentication(settings, f"{settings.name}-prometheus", [reference])


def _authentication(settings: ScalerSettings, name: str, references: Sequence[Manifest]) -> Manifest:
    return {
        "apiVersion": KEDA_API,
        "kind": "TriggerAuthentication",
        "metadata": metadata(name, settings.namespace, labels(settings.name, COMPONENT)),
        "spec": {"secretTargetRef": list(references)},
    }


def _behavior(settings: ScalerSettings) -> Manifest:
    scale = settings.scale
    one = {"periodSeconds": whole_seconds(scale.scale_down_period), "type": "Pods", "value": 1}
    missing = {"periodSeconds": SCALE_UP_PERIOD_SECONDS, "type": "Pods", "value": settings.max}
    return {
        "scaleDown": {"policies": [one], "stabilizationWindowSeconds": whole_seconds(scale.stabilization)},
        "scaleUp": {"policies": [missing], "stabilizationWindowSeconds": 0},
    }


def _triggers(settings: ScalerSettings) -> list[Manifest]:
    scale = settings.scale
    # Each topic its own: without a topic KEDA looks at whatever the group has committed, which is nothing at first.
    triggers = [_lag_trigger(settings, topic) for topic in settings.topics] if scale.by_lag else []
    if scale.cpu is not None:
        triggers.append({"metadata": {"value": str(scale.cpu.percent)}, "metricType": "Utilization", "type": "cpu"})
    if scale.prometheus is not None:
        triggers.append(_prometheus_trigger(settings, scale.prometheus))
    if settings.surge is not None and scale.follows_arrivals(settings.topics):
        triggers.append(_surge_trigger(settings, settings.surge))
    for each in scale.cron:
        times = {"desiredReplicas": str(each.pods), "end": each.end, "start": each.start, "timezone": each.timezone}
        triggers.append({"metadata": times, "type": "cron"})
    return triggers


def _together(settings: ScalerSettings, triggers: Sequence[Manifest]) -> Manifest:
    """How many pods all topics together ask for, or what else asks for more; gives the triggers names.

    KEDA bounds what each topic asks for by its own partitions, and a HorizontalPodAutoscaler takes the largest of several
    metrics, never their sum.
    """
    scale = settings.scale
    lags: list[str] = []
    others: list[str] = []
    for number, trigger in enumerate(triggers):
        name = trigger["name"] = f"{trigger['type']}{number}"
        if trigger["type"] == "kafka":
            lags.append(_above(name, scale.activation_lag))
        elif trigger["type"] == "prometheus" and scale.prometheus is not None:
            others.append(f"{_above(name, scale.prometheus.activation)} / {scale.prometheus.per_pod:g}")
        elif trigger["type"] == "cron":
            others.append(name)
    # A trigger's own threshold of activation does not count any more.
    pods = f"({' + '.join(lags)}) / {scale.records_per_pod}"
    formula = f"max({', '.join([pods, *others])})" if others else pods
    return {"activationTarget": "0", "formula": formula, "metricType": "AverageValue", "target": "1"}


def _above(name: str, least: float) -> str:
    return f"({name} > {least:g} ? {name} : 0)" if least else name


def _lag_trigger(settings: ScalerSettings, topic: str) -> Manifest:
    scale, connection = settings.scale, settings.connection
    content: Manifest = {
        "activationLagThreshold": str(scale.activation_lag),
        "allowIdleConsumers": _text(scale.allow_idle),
        "bootstrapServers": connection.bootstrap_servers,
        "consumerGroup": settings.group,
        "ensureEvenDistributionOfPartitions": _text(scale.even),
        "excludePersistentLag": _text(scale.ignore_stuck),
        "lagThreshold": str(scale.records_per_pod),
        "limitToPartitionsWithLag": _text(scale.only_lagging_partitions),
        "offsetResetPolicy": settings.offset_reset.value,
        # A group that has committed nothing must get its first pod: with true it would stay at zero for ever.
        "scaleToZeroOnInvalidOffset": "false",
        "tls": derived(lambda known: "enable" if known.endswith("SSL") else "disable", connection.security_protocol),
        "topic": topic,
    }
    if settings.secret is not None and connection.sasl_mechanism is not None:
        content["sasl"] = derived(_SASL.__getitem__, connection.sasl_mechanism)
    trigger: Manifest = {"metadata": dict(sorted(content.items())), "metricType": "AverageValue", "type": "kafka"}
    if settings.logs_in:
        trigger["authenticationRef"] = {"name": settings.name}
    return dict(sorted(trigger.items()))


def _prometheus_trigger(settings: ScalerSettings, prometheus: PrometheusScale) -> Manifest:
    content = {
        "activationThreshold": f"{prometheus.activation:g}",
        # A query without a value is a fault and not an idle service.
        "ignoreNullValues": "false",
        "query": prometheus.query,
        "serverAddress": prometheus.server,
        "threshold": f"{prometheus.per_pod:g}",
    }
    trigger: Manifest = {"metadata": content, "metricType": "AverageValue", "type": "prometheus"}
    if prometheus.bearer_secret is not None:
        content["authModes"] = "bearer"
        trigger["authenticationRef"] = {"name": f"{settings.name}-prometheus"}
        trigger["metadata"] = dict(sorted(content.items()))
    return dict(sorted(trigger.items()))


def _surge_trigger(settings: ScalerSettings, url: "Input[str]") -> Manifest:
    """Keeps what the exporter has raised to: the lag alone would not, as there is none where enough pods came in time."""
    value = derived(
        lambda namespace, target: f'{SURGE_METRIC}{{namespace="{namespace}",workload="{target}"}}',
        settings.namespace,
        settings.target,
    )
    content = {
        "format": "prometheus",
        "targetValue": f"{settings.scale.records_per_second_per_pod:g}",
        "url": url,
        "valueLocation": value,
    }
    return {"metadata": content, "metricType": "AverageValue", "type": "metrics-api"}


def _text(value: bool) -> str:
    return str(value).lower()
