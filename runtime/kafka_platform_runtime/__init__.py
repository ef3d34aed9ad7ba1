"""The programs of kafka-platform that run inside the cluster.

- `python3 -m kafka_platform_runtime.provisioner` applies topics, users, ACLs and quotas.
- `python3 -m kafka_platform_runtime.health` answers a broker's readiness probe.

They log in to Kafka and need nothing else: no Kubernetes API, no home folder, no writable file system.
"""

__version__ = "0.1.0"
