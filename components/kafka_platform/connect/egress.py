"""Where the pods of connectors may connect to. No Pulumi."""

from collections.abc import Iterable

from kafka_platform.connect.common import Place, network_of
from kafka_platform.kube.manifests import Manifest, allowed_port


def allowed_places(given: Iterable[Place]) -> list[Manifest]:
    """Egress to what connectors name: to an address or a network at its port; to a name, which no policy knows, by its port."""
    places = {(network_of(each.host), each.port) for each in given}
    named = sorted({port for network, port in places if network is None})
    found: list[Manifest] = [{"ports": [allowed_port(port) for port in named]}] if named else []
    for network, port in sorted((network, port) for network, port in places if network is not None):
        found.append({"ports": [allowed_port(port)], "to": [{"ipBlock": {"cidr": network}}]})
    return found
