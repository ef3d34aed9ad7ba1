"""The public names, and where each is: the one table of them. `__init__.py` imports what is used, when it is used."""

from kafka_platform.cluster.component import (
    ExternalKafka as ExternalKafka,
    KafkaCluster as KafkaCluster,
    KafkaClusterArgs as KafkaClusterArgs,
)
from kafka_platform.cluster.defaults import Defaults as Defaults
from kafka_platform.cluster.embedded.listeners import (
    Listeners as Listeners,
    LoadBalancers as LoadBalancers,
    NodePorts as NodePorts,
    TlsRoutes as TlsRoutes,
)
from kafka_platform.cluster.metrics import Metrics as Metrics
from kafka_platform.cluster.nodes import Jvm as Jvm, Resources as Resources
from kafka_platform.cluster.scaling.component import BrokerScaler as BrokerScaler, BrokerScalerArgs as BrokerScalerArgs
from kafka_platform.cluster.scaling.spec import BrokerScaling as BrokerScaling
from kafka_platform.cluster.strimzi.listeners import (
    Authentication as Authentication,
    BrokerAccess as BrokerAccess,
    BrokerIngresses as BrokerIngresses,
    BrokerLoadBalancers as BrokerLoadBalancers,
    BrokerNodePorts as BrokerNodePorts,
    CustomAuthentication as CustomAuthentication,
    InternalListener as InternalListener,
    StrimziListeners as StrimziListeners,
)
from kafka_platform.cluster.strimzi.pools import Pool as Pool, Role as Role, Volume as Volume
from kafka_platform.cluster.strimzi.spec import (
    Authorities as Authorities,
    Balance as Balance,
    ClusterQuotas as ClusterQuotas,
    StrimziKafka as StrimziKafka,
    TieredStorage as TieredStorage,
)
from kafka_platform.cluster.tls_routes import BrokerTlsRoutes as BrokerTlsRoutes
from kafka_platform.connect.binlog import MariadbSource as MariadbSource, MysqlSource as MysqlSource
from kafka_platform.connect.common import RecordFormat as RecordFormat
from kafka_platform.connect.component import KafkaConnect as KafkaConnect, KafkaConnectArgs as KafkaConnectArgs
from kafka_platform.connect.documents import MongodbSource as MongodbSource
from kafka_platform.connect.iceberg import (
    CatalogLogin as CatalogLogin,
    IcebergCatalog as IcebergCatalog,
    IcebergSink as IcebergSink,
    IcebergStore as IcebergStore,
)
from kafka_platform.connect.sinks import Evolution as Evolution, JdbcSink as JdbcSink, Plugin as Plugin
from kafka_platform.connect.sources import (
    DatabaseTls as DatabaseTls,
    Decimals as Decimals,
    PostgresSource as PostgresSource,
    Snapshot as Snapshot,
)
from kafka_platform.connect.spec import (
    Connector as Connector,
    ConnectorState as ConnectorState,
    ConnectResources as ConnectResources,
    RunBy as RunBy,
    connect_topics as connect_topics,
    connect_users as connect_users,
)
from kafka_platform.entities.component import KafkaResources as KafkaResources, KafkaResourcesArgs as KafkaResourcesArgs
from kafka_platform.exporter.component import KafkaExporter as KafkaExporter, KafkaExporterArgs as KafkaExporterArgs
from kafka_platform.exporter.spec import (
    EXPORTER_USER as EXPORTER_USER,
    KafkaExporterResources as KafkaExporterResources,
    Surge as Surge,
    exporter_user as exporter_user,
)
from kafka_platform.gateway.component import HttpGateway as HttpGateway, HttpGatewayArgs as HttpGatewayArgs
from kafka_platform.gateway.controllers import IngressController as IngressController
from kafka_platform.gateway.exposure import (
    Exposure as Exposure,
    GatewayApiExposure as GatewayApiExposure,
    IngressExposure as IngressExposure,
    LoadBalancerExposure as LoadBalancerExposure,
    NodePortExposure as NodePortExposure,
)
from kafka_platform.gateway.spec import (
    HttpGatewayLimits as HttpGatewayLimits,
    HttpGatewayPods as HttpGatewayPods,
    HttpGatewayResources as HttpGatewayResources,
    HttpGatewayTls as HttpGatewayTls,
)
from kafka_platform.job.component import ScheduledJob as ScheduledJob, ScheduledJobArgs as ScheduledJobArgs
from kafka_platform.job.spec import Overlap as Overlap
from kafka_platform.kafka.connection import KafkaConnection as KafkaConnection
from kafka_platform.kafka.entities import (
    Acl as Acl,
    AclResource as AclResource,
    Cleanup as Cleanup,
    Deletion as Deletion,
    Login as Login,
    Operation as Operation,
    Quotas as Quotas,
    Topic as Topic,
    User as User,
)
from kafka_platform.kafka.oauth import OAuth as OAuth
from kafka_platform.kafka.protocols import (
    Engine as Engine,
    SaslMechanism as SaslMechanism,
    SecurityProtocol as SecurityProtocol,
)
from kafka_platform.kafka.registry import RegistryConnection as RegistryConnection
from kafka_platform.kube.balancers import TrafficPolicy as TrafficPolicy
from kafka_platform.kube.boards import (
    Board as Board,
    Panel as Panel,
    Query as Query,
    Row as Row,
    Shape as Shape,
    Unit as Unit,
)
from kafka_platform.kube.metrics import Alert as Alert, Severity as Severity
from kafka_platform.kube.pod_settings import (
    PodSettings as PodSettings,
    RunAs as RunAs,
    Toleration as Toleration,
    TolerationEffect as TolerationEffect,
)
from kafka_platform.kube.routes import RouteVersion as RouteVersion
from kafka_platform.kube.store import StoreConnection as StoreConnection
from kafka_platform.levels.spec import LatencyLevel as LatencyLevel, Level as Level
from kafka_platform.light.component import (
    LightConnector as LightConnector,
    LightConnectorArgs as LightConnectorArgs,
)
from kafka_platform.light.kinds import (
    Cursor as Cursor,
    DocumentIds as DocumentIds,
    HttpBody as HttpBody,
    HttpMethod as HttpMethod,
    HttpSink as HttpSink,
    PollSource as PollSource,
    SearchSink as SearchSink,
)
from kafka_platform.light.servers import (
    Mqtt as Mqtt,
    RabbitMq as RabbitMq,
    RedisForm as RedisForm,
    RedisSink as RedisSink,
)
from kafka_platform.light.spec import (
    LightConnectorSpec as LightConnectorSpec,
    LightResources as LightResources,
    light_topics as light_topics,
    light_users as light_users,
)
from kafka_platform.light.stores import (
    S3 as S3,
    AfterRead as AfterRead,
    Compression as Compression,
    HdfsSink as HdfsSink,
    Lines as Lines,
)
from kafka_platform.light.tables import (
    CassandraSink as CassandraSink,
    Consistency as Consistency,
    Tombstones as Tombstones,
)
from kafka_platform.logs.component import LogCollector as LogCollector, LogCollectorArgs as LogCollectorArgs
from kafka_platform.logs.spec import (
    LogCollectorResources as LogCollectorResources,
    LogCollectorSpec as LogCollectorSpec,
    log_collector_user as log_collector_user,
    log_topics as log_topics,
)
from kafka_platform.mirror.component import Replication as Replication, ReplicationArgs as ReplicationArgs
from kafka_platform.mirror.connectors import (
    replication_connectors as replication_connectors,
    replication_source_user as replication_source_user,
    replication_topics as replication_topics,
    replication_users as replication_users,
)
from kafka_platform.mirror.spec import (
    MirrorSource as MirrorSource,
    Naming as Naming,
    ReplicationSpec as ReplicationSpec,
)
from kafka_platform.monitoring.component import (
    MetricsSource as MetricsSource,
    Monitoring as Monitoring,
    MonitoringArgs as MonitoringArgs,
)
from kafka_platform.monitoring.receivers.spec import (
    EmailReceiver as EmailReceiver,
    PagerDutyReceiver as PagerDutyReceiver,
    Receivers as Receivers,
    SlackReceiver as SlackReceiver,
    TenantReceivers as TenantReceivers,
    WebhookReceiver as WebhookReceiver,
)
from kafka_platform.monitoring.server.component import Prometheus as Prometheus, PrometheusArgs as PrometheusArgs
from kafka_platform.monitoring.server.spec import (
    AlertmanagerResources as AlertmanagerResources,
    PrometheusResources as PrometheusResources,
)
from kafka_platform.monitoring.tenants import WatchedTenant as WatchedTenant
from kafka_platform.operators.cert_manager.component import (
    CertManager as CertManager,
    CertManagerArgs as CertManagerArgs,
)
from kafka_platform.operators.drain_cleaner.component import (
    DrainCleaner as DrainCleaner,
    DrainCleanerArgs as DrainCleanerArgs,
)
from kafka_platform.operators.keda.component import KedaOperator as KedaOperator, KedaOperatorArgs as KedaOperatorArgs
from kafka_platform.operators.prometheus.component import (
    PrometheusStack as PrometheusStack,
    PrometheusStackArgs as PrometheusStackArgs,
)
from kafka_platform.operators.strimzi.component import (
    StrimziOperator as StrimziOperator,
    StrimziOperatorArgs as StrimziOperatorArgs,
)
from kafka_platform.probe.component import LatencyProbe as LatencyProbe, LatencyProbeArgs as LatencyProbeArgs
from kafka_platform.probe.spec import (
    LatencyProbeResources as LatencyProbeResources,
    latency_probe_topic as latency_probe_topic,
    latency_probe_user as latency_probe_user,
)
from kafka_platform.program.clients import (
    Assignment as Assignment,
    Commit as Commit,
    OffsetReset as OffsetReset,
    PartitionBy as PartitionBy,
    Partitioning as Partitioning,
)
from kafka_platform.program.spec import Egress as Egress, WorkerResources as WorkerResources
from kafka_platform.query.component import QueryEngine as QueryEngine, QueryEngineArgs as QueryEngineArgs
from kafka_platform.query.sources import QueryDatabase as QueryDatabase, QueryLake as QueryLake
from kafka_platform.query.spec import (
    QueryLimits as QueryLimits,
    QueryReader as QueryReader,
    QueryResources as QueryResources,
    QuerySpec as QuerySpec,
    QueryTable as QueryTable,
    QueryTls as QueryTls,
    query_user as query_user,
)
from kafka_platform.registry.component import (
    SchemaRegistry as SchemaRegistry,
    SchemaRegistryArgs as SchemaRegistryArgs,
)
from kafka_platform.registry.spec import (
    RegistryResources as RegistryResources,
    RegistryRole as RegistryRole,
    RegistryTls as RegistryTls,
    RegistryUser as RegistryUser,
    schema_registry_topics as schema_registry_topics,
    schema_registry_user as schema_registry_user,
)
from kafka_platform.scaling.component import Scaler as Scaler, ScalerArgs as ScalerArgs
from kafka_platform.scaling.spec import (
    CpuScale as CpuScale,
    CronScale as CronScale,
    PrometheusScale as PrometheusScale,
    Scale as Scale,
)
from kafka_platform.schemas.component import (
    SchemaSubjects as SchemaSubjects,
    SchemaSubjectsArgs as SchemaSubjectsArgs,
)
from kafka_platform.schemas.spec import (
    Compatibility as Compatibility,
    SchemaReference as SchemaReference,
    SchemaType as SchemaType,
    Subject as Subject,
)
from kafka_platform.storage.component import ObjectStore as ObjectStore, ObjectStoreArgs as ObjectStoreArgs
from kafka_platform.storage.spec import (
    ObjectStoreResources as ObjectStoreResources,
    StoreAccess as StoreAccess,
    StoreUser as StoreUser,
)
from kafka_platform.streams.component import (
    StreamJob as StreamJob,
    StreamJobArgs as StreamJobArgs,
    stream_user as stream_user,
)
from kafka_platform.streams.spec import (
    StreamManagerResources as StreamManagerResources,
    StreamResources as StreamResources,
    StreamStart as StreamStart,
    StreamTable as StreamTable,
)
from kafka_platform.worker.component import StreamWorker as StreamWorker, StreamWorkerArgs as StreamWorkerArgs
from kafka_platform.worker.spec import (
    HealthCheck as HealthCheck,
    HealthChecks as HealthChecks,
    WorkerProbe as WorkerProbe,
    WorkerProbes as WorkerProbes,
)
from kafka_platform.worker.state import StreamsProtocol as StreamsProtocol, WorkerState as WorkerState
