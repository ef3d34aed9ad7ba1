"""The refusal of a stack whose callers could not come in, before anything is changed."""

from collections.abc import Callable

from kafka_platform.values.words import show_path

from infra.capabilities import rendered
from infra.live.text import shown
from infra.outside import certificates, gateways, hosts
from infra.outside.cluster import Cluster
from infra.settings.model import Settings

_LONGEST = 1000
"""Characters of a line: a certificate may have a hundred names."""


def check_outside(settings: Settings, cluster: Cluster, is_own: Callable[[str], bool]) -> None:
    """Raises `ValueError`, with a line for each fault, if the cluster has what contradicts the ways in. What cannot be told is no fault.

    Args:
        settings: of the stack.
        cluster: to which it is deployed.
        is_own: whether a mark of an object (`organization/project/stack`) is the stack's.
    """
    objects = [each.object.manifest for each in rendered(settings)]
    found = [
        *gateways.faults(objects, cluster),
        *certificates.faults(settings, objects, cluster),
        *hosts.faults(settings, objects, cluster, is_own),
    ]
    if found:
        # Certificates and objects of others have their names.
        lines = (f"  {show_path(each.path)}: {shown(each.message, _LONGEST)}" for each in found)
        raise ValueError("\n".join(["callers from outside could not come in as this stack declares it:", *lines]))
