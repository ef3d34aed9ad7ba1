"""Typed Pulumi components of an elastic, multi-tenant Kafka data platform."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kafka_platform.broker_scaling import BrokerScaling
from kafka_platform.entities_model import Acl, AclResource, Cleanup, Deletion, Login, Operation, Quotas, Topic, User
from kafka_platform.gateway_model import (
    Exposure,
    GatewayApiExposure,
    HttpGatewayLimits,
    HttpGatewayPods,
    HttpGatewayResources,
    HttpGatewayTls,
    IngressExposure,
    LoadBalancerExposure,
    NodePortExposure,
)
from kafka_platform.model import (
    Defaults,
    Engine,
    Listeners,
    LoadBalancers,
    NodePorts,
    Resources,
    SaslMechanism,
    SecurityProtocol,
)
from kafka_platform.nodes import Jvm
from kafka_platform.probe_model import LatencyProbeResources, latency_probe_topic, latency_probe_user
from kafka_platform.scaling_model import Commit, CpuScale, CronScale, OffsetReset, PrometheusScale, Scale
from kafka_platform.strimzi_listeners import (
    Authentication,
    BrokerAccess,
    BrokerIngresses,
    BrokerLoadBalancers,
    BrokerNodePorts,
    BrokerTlsRoutes,
    CustomAuthentication,
    InternalListener,
    StrimziListeners,
)
from kafka_platform.strimzi_model import Authorities, Balance, ClusterQuotas, Metrics, StrimziKafka, TieredStorage
from kafka_platform.strimzi_pools import Pool, Role, Toleration, TolerationEffect, Volume
from kafka_platform.worker_client_model import Assignment, PartitionBy, Partitioning
from kafka_platform.worker_model import Egress, WorkerProbe, WorkerProbes, WorkerResources

if TYPE_CHECKING:
    from kafka_platform.broker_scaler import BrokerScaler, BrokerScalerArgs
    from kafka_platform.cert_manager import CertManager, CertManagerArgs
    from kafka_platform.cluster import ExternalKafka, KafkaCluster, KafkaClusterArgs
    from kafka_platform.connection import KafkaConnection
    from kafka_platform.drain_cleaner import DrainCleaner, DrainCleanerArgs
    from kafka_platform.gateway import HttpGateway, HttpGatewayArgs
    from kafka_platform.keda_operator import KedaOperator, KedaOperatorArgs
    from kafka_platform.monitoring import Monitoring, MonitoringArgs
    from kafka_platform.probe import LatencyProbe, LatencyProbeArgs
    from kafka_platform.prometheus_stack import PrometheusStack, PrometheusStackArgs
    from kafka_platform.resources import KafkaResources, KafkaResourcesArgs
    from kafka_platform.scaler import Scaler, ScalerArgs
    from kafka_platform.strimzi_operator import StrimziOperator, StrimziOperatorArgs
    from kafka_platform.worker import StreamWorker, StreamWorkerArgs

__all__ = [
    "Acl",
    "AclResource",
    "Assignment",
    "Authentication",
    "Authorities",
    "Balance",
    "BrokerAccess",
    "BrokerIngresses",
    "BrokerLoadBalancers",
    "BrokerNodePorts",
    "BrokerScaler",
    "BrokerScalerArgs",
    "BrokerScaling",
    "BrokerTlsRoutes",
    "CertManager",
    "CertManagerArgs",
    "Cleanup",
    "ClusterQuotas",
    "Commit",
    "CpuScale",
    "CronScale",
    "CustomAuthentication",
    "Defaults",
    "Deletion",
    "DrainCleaner",
    "DrainCleanerArgs",
    "Egress",
    "Engine",
    "Exposure",
    "ExternalKafka",
    "GatewayApiExposure",
    "HttpGateway",
    "HttpGatewayArgs",
    "HttpGatewayLimits",
    "HttpGatewayPods",
    "HttpGatewayResources",
    "HttpGatewayTls",
    "IngressExposure",
    "InternalListener",
    "Jvm",
    "KafkaCluster",
    "KafkaClusterArgs",
    "KafkaConnection",
    "KafkaResources",
    "KafkaResourcesArgs",
    "KedaOperator",
    "KedaOperatorArgs",
    "LatencyProbe",
    "LatencyProbeArgs",
    "LatencyProbeResources",
    "Listeners",
    "LoadBalancerExposure",
    "LoadBalancers",
    "Login",
    "Metrics",
    "Monitoring",
    "MonitoringArgs",
    "NodePortExposure",
    "NodePorts",
    "OffsetReset",
    "Operation",
    "PartitionBy",
    "Partitioning",
    "Pool",
    "PrometheusScale",
    "PrometheusStack",
    "PrometheusStackArgs",
    "Quotas",
    "Resources",
    "Role",
    "SaslMechanism",
    "Scale",
    "Scaler",
    "ScalerArgs",
    "SecurityProtocol",
    "StreamWorker",
    "StreamWorkerArgs",
    "StrimziKafka",
    "StrimziListeners",
    "StrimziOperator",
    "StrimziOperatorArgs",
    "TieredStorage",
    "Toleration",
    "TolerationEffect",
    "Topic",
    "User",
    "Volume",
    "WorkerProbe",
    "WorkerProbes",
    "WorkerResources",
    "latency_probe_topic",
    "latency_probe_user",
]

# What needs Pulumi is imported when it is first used: checking a stack's file takes a fraction of the time without.
_PULUMI = {
    "StrimziOperator": "strimzi_operator",
    "StrimziOperatorArgs": "strimzi_operator",
    "BrokerScaler": "broker_scaler",
    "BrokerScalerArgs": "broker_scaler",
    "CertManager": "cert_manager",
    "CertManagerArgs": "cert_manager",
    "DrainCleaner": "drain_cleaner",
    "DrainCleanerArgs": "drain_cleaner",
    "PrometheusStack": "prometheus_stack",
    "PrometheusStackArgs": "prometheus_stack",
    "ExternalKafka": "cluster",
    "HttpGateway": "gateway",
    "HttpGatewayArgs": "gateway",
    "KafkaCluster": "cluster",
    "KafkaClusterArgs": "cluster",
    "KafkaConnection": "connection",
    "KafkaResources": "resources",
    "KafkaResourcesArgs": "resources",
    "KedaOperator": "keda_operator",
    "KedaOperatorArgs": "keda_operator",
    "LatencyProbe": "probe",
    "Monitoring": "monitoring",
    "MonitoringArgs": "monitoring",
    "LatencyProbeArgs": "probe",
    "Scaler": "scaler",
    "ScalerArgs": "scaler",
    "StreamWorker": "worker",
    "StreamWorkerArgs": "worker",
}


def __getattr__(name: str) -> Any:
    if name not in _PULUMI:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PULUMI[name]}"), name)
