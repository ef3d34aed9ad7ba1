"""Settings that apply to any pod: scheduling, image pull secrets, labels and annotations. No Pulumi.

The section is called `pod_settings`, as a gateway's `pods` says how many there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass
from enum import Enum

from kafka_platform.values.checks import check_field
from kafka_platform.values.forms import Spec, formed, mapping, named, names
from kafka_platform.values.free_maps import check_annotations, check_pod_labels
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_object_labels, check_subdomain, is_label_key


class TolerationEffect(Enum):
    """What a taint does to pods that do not tolerate it."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


def _check_taint(key: str) -> None:
    if not is_label_key(key):
        raise ValueError(f"{key!r} is not the key of a taint: write one such as dedicated")


@dataclass(frozen=True, kw_only=True)
class Toleration(Spec):
    """A taint that pods tolerate."""

    key: str = formed(MISSING, _check_taint)
    """Key of the taint."""
    value: str | None = None
    """Its value. Default: any."""
    effect: TolerationEffect | None = None
    """Its effect. Default: any."""

    def check(self) -> None:
        """The value is one that the taint can have."""
        if self.value is not None:
            check_field("value", check_object_labels, {self.key: self.value})


class RunAs(Enum):
    """Where the user and group ids of pods come from."""

    IMAGE = "image"
    """The platform's images: user and group 1000."""
    PLATFORM = "platform"
    """The Kubernetes cluster, as OpenShift does from the range of each namespace: pods name no ids. They never run as root."""


@dataclass(frozen=True, kw_only=True)
class PodSettings(Spec):
    """Settings that apply to any pod.

    A more specific section adds to a general one: lists and mappings are joined, and for the same key or field the
    specific one wins.
    """

    pull_secrets: Sequence[Input[str]] = names(check_subdomain, "Secret name")
    """Secrets with logins for the image registries, in the namespace of the pods. Default: none."""
    tolerations: Sequence[Toleration] = ()
    """Taints that the pods tolerate. Default: none."""
    node_labels: Mapping[str, str] = mapping(check_object_labels)
    """Labels that a machine must have to run the pods. Default: any machine."""
    priority_class: Input[str] | None = named(check_subdomain, "object name")
    """PriorityClass of the pods. Default: the Kubernetes cluster's."""
    labels: Mapping[str, str] = mapping(check_pod_labels)
    """Further labels of the pods. Default: none."""
    annotations: Mapping[str, Input[str]] = mapping(check_annotations)
    """Further annotations of the pods. Default: none."""
    run_as: RunAs | None = None
    """Where user and group ids come from: `platform` leaves them to the cluster, as OpenShift requires. Default: image,
    which uses 1000."""

    def with_own(self, own: "PodSettings") -> "PodSettings":
        """These settings and what a more specific section says."""
        return PodSettings(
            pull_secrets=tuple(dict.fromkeys((*self.pull_secrets, *own.pull_secrets))),
            tolerations=tuple(dict.fromkeys((*self.tolerations, *own.tolerations))),
            node_labels={**self.node_labels, **own.node_labels},
            priority_class=own.priority_class or self.priority_class,
            labels={**self.labels, **own.labels},
            annotations={**self.annotations, **own.annotations},
            run_as=own.run_as or self.run_as,
        )


UNDECIDED = PodSettings()
"""Nothing is decided: pods are as this platform and Kubernetes have them."""
