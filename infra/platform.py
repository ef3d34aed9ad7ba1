"""The composition of one environment: what its file turns on, in one Kubernetes cluster."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes
from kafka_platform.kube.ownership import own

from infra.api_server import ApiServer
from infra.capabilities import build
from infra.kubeconfig import check_chosen, check_there
from infra.kubernetes_version import check_cluster
from infra.needed_objects import check_needed
from infra.outside.check import check_outside
from infra.rollouts.watch import Rollouts
from infra.settings.model import Settings


class Platform:
    """Everything of one environment."""

    def __init__(self, settings: Settings, environment: Mapping[str, str], *, deploys: bool = False) -> None:
        """`environment` is where KUBECONFIG is looked up when the settings do not name a Kubernetes cluster.

        Where it `deploys`, the cluster has to be there, and is asked for its version and for what the stack uses of others;
        a rendering asks nobody.

        Raises:
            ValueError: neither says which Kubernetes cluster is meant, its kubeconfig is not there, it is too old, or it
                lacks what the stack uses, or has what keeps callers out.
        """
        (check_there if deploys else check_chosen)(settings.kubernetes, environment)
        api_server = ApiServer(settings.kubernetes.kubeconfig, settings.kubernetes.context)
        if deploys:
            check_cluster(settings, api_server)
            check_needed(settings, api_server)
            check_outside(settings, api_server, lambda mark: mark == stack_mark())
        own(stack_mark(), api_server, settings.adopt)
        if deploys and not pulumi.runtime.is_dry_run():
            Rollouts(api_server).watch()
        # In place, not by replacement: pods mount these objects by name, and the preview shows the key that changes.
        provider = pulumi_kubernetes.Provider(
            "kubernetes",
            kubeconfig=settings.kubernetes.kubeconfig,
            context=settings.kubernetes.context,
            enable_config_map_mutable=True,
            enable_secret_mutable=True,
            # What an interrupted `up` made without noting it, and what was kept on purpose, is taken up again. What this
            # stack did not make is refused by `own`: server-side apply alone takes over whatever has no contested field.
            upsert_existing_objects=True,
        )
        self._outputs = build(settings, provider, stack_mark())

    def outputs(self) -> Mapping[str, Any]:
        """The stack's outputs: no secrets, only where they are."""
        return self._outputs


def stack_mark() -> str:
    """Who this stack is, as Pulumi writes it in full: `<organization>/<project>/<stack>`.

    A state backend without organizations calls its only one `organization`, and Pulumi's mocks have none at all.
    """
    return f"{pulumi.get_organization() or 'organization'}/{pulumi.get_project()}/{pulumi.get_stack()}"
