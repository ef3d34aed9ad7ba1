"""Typed Pulumi components of an elastic, multi-tenant Kafka data platform."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
    Acl,
    AclResource,
    Cleanup,
    Defaults,
    Deletion,
    Engine,
    Listeners,
    LoadBalancers,
    Login,
    NodePorts,
    Operation,
    Quotas,
    Resources,
    SaslMechanism,
    SecurityProtocol,
    Topic,
    User,
)
from kafka_platform.probe_model import LatencyProbeResources, latency_probe_topic, latency_probe_user
from kafka_platform.strimzi_model import (
    Authentication,
    Authorities,
    Balance,
    BrokerAccess,
    BrokerIngresses,
    BrokerLoadBalancers,
    BrokerNodePorts,
    BrokerTlsRoutes,
    ClusterQuotas,
    CustomAuthentication,
    InternalListener,
    Jvm,
    Metrics,
    Pool,
    Role,
    StrimziKafka,
    StrimziListeners,
    TieredStorage,
    Toleration,
    TolerationEffect,
    Volume,
)

if TYPE_CHECKING:
    from kafka_platform.cluster import ExternalKafka, KafkaCluster, KafkaClusterArgs
    from kafka_platform.connection import KafkaConnection
    from kafka_platform.gateway import HttpGateway, HttpGatewayArgs
    from kafka_platform.keda_operator import KedaOperator, KedaOperatorArgs
    from kafka_platform.probe import LatencyProbe, LatencyProbeArgs
    from kafka_platform.resources import KafkaResources, KafkaResourcesArgs

__all__ = [
    "Acl",
    "AclResource",
    "Authentication",
    "Authorities",
    "Balance",
    "BrokerAccess",
    "BrokerIngresses",
    "BrokerLoadBalancers",
    "BrokerNodePorts",
    "BrokerTlsRoutes",
    "Cleanup",
    "ClusterQuotas",
    "CustomAuthentication",
    "Defaults",
    "Deletion",
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
    "NodePortExposure",
    "NodePorts",
    "Operation",
    "Pool",
    "Quotas",
    "Resources",
    "Role",
    "SaslMechanism",
    "SecurityProtocol",
    "StrimziKafka",
    "StrimziListeners",
    "TieredStorage",
    "Toleration",
    "TolerationEffect",
    "Topic",
    "User",
    "Volume",
    "latency_probe_topic",
    "latency_probe_user",
]

# What needs Pulumi is imported when it is first used: checking a stack's file takes a fraction of the time without.
_PULUMI = {
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
    "LatencyProbeArgs": "probe",
}


def __getattr__(name: str) -> Any:
    if name not in _PULUMI:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PULUMI[name]}"), name)
