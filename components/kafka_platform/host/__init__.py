"""The components for programs in other languages, over Pulumi's component host."""

from kafka_platform.host.host import Host as Host, serve as serve
