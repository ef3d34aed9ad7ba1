"""The custom resources of a Kafka that Strimzi runs: one pure function renders each."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from kafka_platform.cluster.metrics import REPORTED, RULES_FILE, Metrics, rules
from kafka_platform.cluster.strimzi.listener_objects import listener_list
from kafka_platform.cluster.strimzi.pods import pool_template
from kafka_platform.cluster.strimzi.pools import Pool, check_scaling_step, check_volumes
from kafka_platform.cluster.strimzi.settings import StrimziSettings
from kafka_platform.cluster.strimzi.spec import Balance, StrimziKafka, broker_config
from kafka_platform.cluster.tls_routes import gateway
from kafka_platform.kafka.entities import Deletion
from kafka_platform.kube.manifests import Manifest, labels, metadata
from kafka_platform.kube.objects import Guard, Object, Wait
from kafka_platform.kube.operated import READY, STRIMZI_API, STRIMZI_CLUSTER_LABEL
from kafka_platform.kube.pods import helper_resources, resources_of
from kafka_platform.kube.strimzi_pods import container_security, pod_template
from kafka_platform.values.units import bytes_per_second, percent

COMPONENT = "broker"

READY_SECONDS = 1800
"""How long: a cluster on new machines has to pull images, get volumes and elect controllers; a rolling change takes minutes a node."""

# Strimzi gives each new node the first free number of these, so that brokers are called 0, 1, 2... however many
# controllers there are, and stay so when some are added. Kafka keeps numbers from 1000 on for itself.
_BROKER_IDS = "[0-899]"
_CONTROLLER_IDS = "[900-999]"


def objects(settings: StrimziSettings) -> list[Object]:
    """Pools first, then the Kafka, so that it finds them, and so that destroying runs the other way."""
    pools = [_pool(settings, name, pool) for name, pool in sorted(settings.strimzi.pools.items())]
    beside = _beside_kafka(settings)
    ready = Wait(condition=READY, seconds=READY_SECONDS)
    return [
        *pools,
        *beside,
        Object(role="kafka", manifest=kafka(settings), after=[*pools, *beside], wait=ready),
    ]


def _pool(settings: StrimziSettings, name: str, pool: Pool) -> Object:
    balanced = settings.strimzi.effective_balance is not None

    def check(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        known, before, wanted = new["metadata"]["name"], old["spec"], new["spec"]
        replicas = (int(before["replicas"]), int(wanted["replicas"]))
        check_scaling_step(settings.name, known, *replicas, votes=pool.votes, balanced=balanced)
        check_volumes(settings.name, known, before["storage"]["volumes"], wanted["storage"]["volumes"])

    return Object(
        role=f"pool-{name}",
        manifest=node_pool(settings, name, pool),
        # The autoscaler's, from the first time that it decides on.
        ignored=["spec.replicas"] if pool.autoscaled else [],
        guard=Guard(name=f"{settings.name}-pool-{name}-keeps-records", check=check),
    )


def _beside_kafka(settings: StrimziSettings) -> list[Object]:
    """What the Kafka refers to, besides its pools."""
    strimzi = settings.strimzi
    found: list[Object] = []
    balance = strimzi.effective_balance
    if balance is not None:
        found.append(Object(role="rebalance", manifest=rebalance_template(settings, balance)))
    if settings.metrics is Metrics.JMX:
        found.append(Object(role="metrics", manifest=metrics_config_map(settings)))
    external = strimzi.listeners.external
    routes = None if external is None else external.tls_routes
    if routes is not None and routes.gateway_class is not None:
        manifest = gateway(settings.name, settings.namespace, labels(settings.name, COMPONENT), routes)
        found.append(Object(role="gateway", manifest=manifest, wait=Wait(condition="Programmed")))
    return found


def own_labels(name: str, component: str) -> dict[str, str]:
    """The labels of what belongs to the cluster, Strimzi's own included."""
    return labels(name, component) | {STRIMZI_CLUSTER_LABEL: name}


def node_pool(settings: StrimziSettings, name: str, pool: Pool) -> Manifest:
    """Nodes of one kind."""
    return {
        "apiVersion": STRIMZI_API,
        "kind": "KafkaNodePool",
        "metadata": metadata(
            name,
            settings.namespace,
            own_labels(settings.name, COMPONENT),
            {"strimzi.io/next-node-ids": _BROKER_IDS if pool.holds_records else _CONTROLLER_IDS},
        ),
        "spec": {
            "jvmOptions": _jvm(pool),
            "replicas": pool.nodes,
            "resources": resources_of(pool.resources),
            "roles": sorted((role.value for role in pool.roles), reverse=True),
            # Always a list, even of one: a single claim could never become several.
            "storage": {"type": "jbod", "volumes": _volumes(settings, pool)},
            "template": pool_template(settings, name, pool),
        },
    }


def _volumes(settings: StrimziSettings, pool: Pool) -> list[Manifest]:
    volumes: list[Manifest] = []
    for number, volume in enumerate(pool.all_volumes):
        rendered: Manifest = {
            "deleteClaim": settings.spec.deletion is Deletion.ALLOW,
            "id": number,
            "size": volume.size,
            "type": "persistent-claim",
        }
        storage_class = pool.storage_class if volume.storage_class is None else volume.storage_class
        if storage_class is not None:
            rendered["class"] = storage_class
        if number == 0:
            rendered["kraftMetadata"] = "shared"
        volumes.append(rendered)
    return volumes


def _jvm(pool: Pool) -> Manifest:
    heap = pool.jvm.heap_in(pool.resources.memory)
    rendered: Manifest = {"-Xms": heap, "-Xmx": heap}
    if pool.jvm.options:
        rendered["-XX"] = dict(sorted(pool.jvm.options.items()))
    return rendered


def kafka(settings: StrimziSettings) -> Manifest:
    """The cluster."""
    strimzi = settings.strimzi
    pod = pod_template(settings.spec.pod_settings)
    spec: Manifest = {"kafka": _brokers(settings), "entityOperator": _entity_operator(pod)}
    for key in ("clientsCa", "clusterCa"):
        spec[key] = {
            "generateCertificateAuthority": not strimzi.authorities.given,
            "renewalDays": strimzi.authorities.renewal_days,
            "validityDays": strimzi.authorities.validity_days,
        }
    balance = strimzi.effective_balance
    if balance is not None:
        spec["cruiseControl"] = _cruise_control(settings.name, balance, pod)
    if strimzi.exporter:
        spec["kafkaExporter"] = {
            "groupRegex": ".*",
            "resources": helper_resources("256Mi", cpu="50m", reserved="128Mi"),
            "template": {"container": {"securityContext": container_security()}, **pod},
            "topicRegex": ".*",
        }
    if strimzi.maintenance:
        spec["maintenanceTimeWindows"] = list(strimzi.maintenance)
    return {
        "apiVersion": STRIMZI_API,
        "kind": "Kafka",
        "metadata": metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        "spec": spec,
    }


def _brokers(settings: StrimziSettings) -> Manifest:
    strimzi = settings.strimzi
    spec: Manifest = {
        "authorization": {"type": "simple"},
        "config": broker_config(strimzi, settings.spec.defaults, settings.spec.config),
        "listeners": listener_list(settings.name, strimzi.listeners, settings.spec.client_namespaces),
        # Nobody moves a node but the Drain Cleaner, which asks Strimzi; without it, a drain takes one node at a time.
        "template": {"podDisruptionBudget": {"maxUnavailable": 0 if strimzi.drain_cleaner else 1}},
        "version": settings.spec.version,
    }
    if settings.image is not None:
        spec["image"] = settings.image
    if strimzi.super_users:
        spec["authorization"]["superUsers"] = list(strimzi.super_users)
    if strimzi.rack is not None:
        spec["rack"] = {"topologyKey": strimzi.rack}
    if settings.metrics is Metrics.REPORTER:
        spec["metricsConfig"] = {"type": "strimziMetricsReporter", "values": {"allowList": list(REPORTED)}}
    if settings.metrics is Metrics.JMX:
        reference = {"configMapKeyRef": {"key": RULES_FILE, "name": f"{settings.name}-metrics"}}
        spec["metricsConfig"] = {"type": "jmxPrometheusExporter", "valueFrom": reference}
    if strimzi.quotas is not None:
        spec["quotas"] = _quotas(strimzi)
    if strimzi.tiered_storage is not None:
        tiered = strimzi.tiered_storage
        spec["tieredStorage"] = {
            "remoteStorageManager": {
                "className": tiered.class_name,
                "classPath": tiered.class_path,
                "config": dict(sorted(tiered.config.items())),
            },
            "type": "custom",
        }
    return spec


def _quotas(strimzi: StrimziKafka) -> Manifest:
    quotas = strimzi.quotas
    assert quotas is not None  # noqa: S101  # asked before
    rendered: Manifest = {"type": "strimzi"}
    if quotas.produce is not None:
        rendered["producerByteRate"] = bytes_per_second(quotas.produce)
    if quotas.consume is not None:
        rendered["consumerByteRate"] = bytes_per_second(quotas.consume)
    if quotas.least_free is not None:
        rendered["minAvailableRatioPerVolume"] = float(Decimal(percent(quotas.least_free)) / 100)
    if quotas.except_users:
        rendered["excludedPrincipals"] = [f"User:{user}" for user in quotas.except_users]
    return rendered


def _entity_operator(pod: Manifest) -> Manifest:
    container: Manifest = {"securityContext": container_security()}
    # A topic that is kept when its stack goes must not keep its namespace from going, with nobody left to end it.
    without_finalizers: Manifest = {**container, "env": [{"name": "STRIMZI_USE_FINALIZERS", "value": "false"}]}
    requests = helper_resources("512Mi", cpu="100m")
    return {
        "template": {"topicOperatorContainer": without_finalizers, "userOperatorContainer": container, **pod},
        "topicOperator": {"resources": requests},
        "userOperator": {"resources": requests},
    }


def template_name(name: str) -> str:
    """The template of the rebalances that follow when brokers come and go."""
    return f"{name}-rebalance"


def _cruise_control(name: str, balance: Balance, pod: Manifest) -> Manifest:
    template = {"name": template_name(name)}
    spec: Manifest = {
        "autoRebalance": [
            {"mode": "add-brokers", "template": template},
            {"mode": "remove-brokers", "template": template},
        ],
        "resources": resources_of(balance.resources),
        "template": {"cruiseControlContainer": {"securityContext": container_security()}, **pod},
    }
    if balance.network is not None:
        rate = f"{bytes_per_second(balance.network)}B/s"
        spec["brokerCapacity"] = {"inboundNetwork": rate, "outboundNetwork": rate}
    return spec


def rebalance_template(settings: StrimziSettings, balance: Balance) -> Manifest:
    """How records move when brokers come and go."""
    spec: Manifest = {"replicationThrottle": bytes_per_second(balance.throttle)}
    if balance.goals:
        spec["goals"] = list(balance.goals)
    return {
        "apiVersion": STRIMZI_API,
        "kind": "KafkaRebalance",
        "metadata": metadata(
            template_name(settings.name),
            settings.namespace,
            labels(settings.name, "balance"),
            {"strimzi.io/rebalance-template": "true"},
        ),
        "spec": spec,
    }


def metrics_config_map(settings: StrimziSettings) -> Manifest:
    """The rules of the JMX agent."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(f"{settings.name}-metrics", settings.namespace, labels(settings.name, COMPONENT)),
        "data": {RULES_FILE: rules()},
    }
