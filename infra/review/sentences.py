"""Findings by kind of object: the function that words them, and the fields that it covers."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from infra.reading.kinds import KINDS
from infra.review.access import rights, route, secret, service
from infra.review.changes import Change
from infra.review.config_maps import config_map
from infra.review.connectors import connector_object
from infra.review.context import Context
from infra.review.data import ACCESS_LABEL, claim, generated, namespace, provider, stateful
from infra.review.differences import POD
from infra.review.findings import Finding
from infra.review.jobs import job
from infra.review.kafka import kafka
from infra.review.mirrors import mirror_maker
from infra.review.network import network_policy
from infra.review.workloads import autoscaler, workload


def _nothing(_: Change, __: Context) -> Iterator[Finding]:
    return iter(())


@dataclass(frozen=True)
class Sentence:
    """What is said about one kind."""

    says: Callable[[Change, Context], Iterator[Finding]] = _nothing
    """Tells what a change means, given what has to be known of the others."""
    about: tuple[str, ...] = ()
    """Paths below the inputs whose changes are put into words, as patterns; of others only the path is shown."""

    def covers(self, path: str) -> bool:
        """Whether what a change at the path means is put into words."""
        return any(re.match(pattern, path) for pattern in self.about)


NOTHING = Sentence()
_CONTAINERS = rf"{POD}spec\.containers\.\d+\.(resources|image|env)"

SENTENCES: Mapping[str, Sentence] = MappingProxyType(
    {
        "ConfigMap": Sentence(
            config_map,
            (
                r"data\.(connector|topic|user|subject)\.",
                r"data\.removed$",
                r"data\.cluster\.properties",
                r"data\.gateway\.json",
                r"data\.job\.sql",
                r"metadata\.annotations\.kafka-platform/(plan|version)",
                r"data\.node-\d+\.properties",
            ),
        ),
        "CronJob": Sentence(
            job,
            (
                r"spec\.(schedule|timeZone|suspend|concurrencyPolicy)",
                r"spec\.jobTemplate\.spec\.(activeDeadlineSeconds|template\.spec\.containers\.\d+\.image)",
            ),
        ),
        "CustomResourceDefinition": Sentence(stateful),
        "DaemonSet": Sentence(workload, (_CONTAINERS,)),
        "Deployment": Sentence(workload, (r"spec\.replicas", _CONTAINERS)),
        "Gateway": Sentence(route, (r"spec\.listeners",)),
        "HTTPRoute": Sentence(route, (r"spec\.hostnames",)),
        "HorizontalPodAutoscaler": Sentence(autoscaler, (r"spec\.(min|max)Replicas",)),
        "Ingress": Sentence(route, (r"spec\.(rules|tls)",)),
        "Kafka": Sentence(kafka, (r"spec\.kafka\.(config|listeners|authorization|version)",)),
        "KafkaConnect": Sentence(workload, (r"spec\.(replicas|resources)",)),
        "KafkaConnector": Sentence(connector_object, (r"spec\.(class|config|state|tasksMax)",)),
        "KafkaMirrorMaker2": Sentence(mirror_maker, (r"spec\.(replicas|resources|mirrors)",)),
        "KafkaNodePool": Sentence(workload, (r"spec\.(replicas|storage|resources)",)),
        # What changes of these mean is said of the topics and users.
        "KafkaTopic": Sentence(about=(r"spec\.(partitions|replicas|config)", r"metadata\.annotations\.strimzi")),
        "KafkaUser": Sentence(about=(r"spec\.(authorization|quotas)",)),
        "Namespace": Sentence(namespace, (rf"metadata\.labels\.{ACCESS_LABEL}",)),
        "NetworkPolicy": Sentence(network_policy, (r"spec\.(ingress|egress)",)),
        "PersistentVolume": Sentence(stateful),
        "PersistentVolumeClaim": Sentence(claim, (r"spec\.resources",)),
        "PersistentVolumeClaimPatch": Sentence(claim, (r"spec\.resources",)),
        "RandomId": Sentence(generated),
        "RandomPassword": Sentence(generated),
        "ScaledObject": Sentence(autoscaler, (r"spec\.(min|max)ReplicaCount",)),
        "Secret": Sentence(secret, (r"metadata\.namespace",)),
        "Service": Sentence(service, (r"spec\.type", r"spec\.loadBalancerSourceRanges", r"spec\.ports\.\d+\.nodePort")),
        "StatefulSet": Sentence(
            workload, (r"spec\.replicas", r"spec\.persistentVolumeClaimRetentionPolicy", _CONTAINERS)
        ),
        "TLSRoute": Sentence(route, (r"spec\.hostnames",)),
        "kubernetes": Sentence(provider, (r"(kubeconfig|context|cluster|clusterIdentifier)$",)),
        **{name: Sentence(rights) for name, kind in KINDS.items() if kind.grants},
    }
)
"""By the names of kinds that have a record (`infra.reading.kinds`); about others, that they change."""
