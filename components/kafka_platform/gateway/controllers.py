"""Ingress controllers: what keeps passwords off plain HTTP, and streams open, is an annotation of each its own. No Pulumi."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

STREAM_SECONDS = 3600
"""How long an Ingress lets a stream be silent: the gateway sends a comment each 15 s, and answers of long polls take minutes."""


class IngressController(Enum):
    """The program that serves an IngressClass."""

    NGINX = "nginx"
    """ingress-nginx, and F5's NGINX Ingress Controller."""
    TRAEFIK = "traefik"
    """Traefik, whose entry point with TLS is called `websecure` unless `annotations` say otherwise."""
    HAPROXY = "haproxy"
    """HAProxy's own controller, and HAProxy Ingress."""
    ALB = "alb"
    """The AWS Load Balancer Controller."""
    GCE = "gce"
    """GKE's."""
    AZURE = "azure"
    """Azure's Application Gateway."""
    KONG = "kong"
    CONTOUR = "contour"
    OPENSHIFT = "openshift"
    OTHER = "other"
    """Another: nothing is set, and you see to it that it does not serve the host on port 80."""


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What a controller is told."""

    encrypted: Mapping[str, str] = field(default_factory=dict)
    """Annotations by which it serves the host with TLS alone, or redirects there."""
    is_plain: Callable[[str], bool] = lambda value: value.strip().lower() == "false"
    """Whether a value of one of them would let it serve plain HTTP."""
    streams: Mapping[str, str] = field(default_factory=dict)
    """Annotations by which streams stay open and are not held back."""
    body: str | None = None
    """Annotation with the largest body, in bytes; None: it has no such limit."""


BEHAVIOURS: Mapping[IngressController, Behaviour] = {
    # https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/ (and nginx.org/redirect-to-https)
    IngressController.NGINX: Behaviour(
        encrypted={"nginx.ingress.kubernetes.io/force-ssl-redirect": "true"},
        streams={
            "nginx.ingress.kubernetes.io/proxy-buffering": "off",
            "nginx.ingress.kubernetes.io/proxy-read-timeout": str(STREAM_SECONDS),
            "nginx.ingress.kubernetes.io/proxy-send-timeout": str(STREAM_SECONDS),
        },
        body="nginx.ingress.kubernetes.io/proxy-body-size",
    ),
    # https://doc.traefik.io/traefik/reference/routing-configuration/kubernetes/ingress/; its timeouts are those of the entry point.
    IngressController.TRAEFIK: Behaviour(
        encrypted={
            "traefik.ingress.kubernetes.io/router.entrypoints": "websecure",
            "traefik.ingress.kubernetes.io/router.tls": "true",
        },
        is_plain=lambda value: bool({"false", "web", "http"} & set(re.split(r"[\s,]+", value.strip().lower()))),
    ),
    # https://www.haproxy.com/documentation/kubernetes-ingress/ and https://haproxy-ingress.github.io/docs/configuration/keys/
    IngressController.HAPROXY: Behaviour(
        encrypted={
            "haproxy-ingress.github.io/ssl-redirect": "true",
            "haproxy.org/ssl-redirect": "true",
        },
        streams={
            "haproxy-ingress.github.io/timeout-server": f"{STREAM_SECONDS}s",
            "haproxy-ingress.github.io/timeout-tunnel": f"{STREAM_SECONDS}s",
            "haproxy.org/timeout-server": f"{STREAM_SECONDS}s",
        },
    ),
    # https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/
    IngressController.ALB: Behaviour(
        encrypted={"alb.ingress.kubernetes.io/listen-ports": '[{"HTTPS":443}]'},
        is_plain=lambda value: re.search(r'"HTTP"', value) is not None,
        streams={
            "alb.ingress.kubernetes.io/load-balancer-attributes": f"idle_timeout.timeout_seconds={STREAM_SECONDS}"
        },
    ),
    # https://cloud.google.com/kubernetes-engine/docs/concepts/ingress-xlb; its time-out is that of a BackendConfig.
    IngressController.GCE: Behaviour(
        encrypted={"kubernetes.io/ingress.allow-http": "false"},
        is_plain=lambda value: value.strip().lower() != "false",
    ),
    # https://learn.microsoft.com/azure/application-gateway/ingress-controller-annotations
    IngressController.AZURE: Behaviour(
        encrypted={"appgw.ingress.kubernetes.io/ssl-redirect": "true"},
        streams={"appgw.ingress.kubernetes.io/request-timeout": str(STREAM_SECONDS)},
    ),
    # https://developer.konghq.com/kubernetes-ingress-controller/reference/annotations/; its time-outs are the Service's.
    IngressController.KONG: Behaviour(
        encrypted={"konghq.com/https-redirect-status-code": "308", "konghq.com/protocols": "https"},
        is_plain=lambda value: "http" in re.split(r"[\s,]+", value.strip().lower()),
        streams={"konghq.com/request-buffering": "false", "konghq.com/response-buffering": "false"},
    ),
    # https://projectcontour.io/docs/main/config/annotations/
    IngressController.CONTOUR: Behaviour(
        encrypted={"kubernetes.io/ingress.allow-http": "false"},
        is_plain=lambda value: value.strip().lower() != "false",
        streams={"projectcontour.io/response-timeout": "infinity"},
    ),
    # https://docs.redhat.com/en/documentation/openshift_container_platform/latest/html/ingress_and_load_balancing/configuring-routes
    IngressController.OPENSHIFT: Behaviour(
        encrypted={"route.openshift.io/termination": "edge"},
        is_plain=lambda value: value.strip().lower() == "passthrough",
        streams={"haproxy.router.openshift.io/timeout": f"{STREAM_SECONDS}s"},
    ),
    IngressController.OTHER: Behaviour(),
}
"""By controller, with the page that says so."""

_CLASSES: Mapping[str, IngressController] = {
    "azure-application-gateway": IngressController.AZURE,
    "webapprouting.kubernetes.azure.com": IngressController.NGINX,
}
"""Classes whose names do not say it in a word."""
_WORDS = {each.value: each for each in IngressController if each is not IngressController.OTHER}


def controller_of(ingress_class: str) -> IngressController | None:
    """The controller that a class is named after, such as `nginx` or `traefik-internal`; None: the name does not say it."""
    if ingress_class in _CLASSES:
        return _CLASSES[ingress_class]
    found = {_WORDS[word] for word in ingress_class.split("-") if word in _WORDS}
    return found.pop() if len(found) == 1 else None


def annotations_of(controller: IngressController, body_bytes: int) -> dict[str, str]:
    """What the Ingress tells its controller."""
    behaviour = BEHAVIOURS[controller]
    found = {**behaviour.encrypted, **behaviour.streams}
    if behaviour.body is not None:
        found[behaviour.body] = str(body_bytes)
    return dict(sorted(found.items()))


def check_encrypted(controller: IngressController, given: Mapping[str, object]) -> None:
    """Raises `ValueError` for an annotation by which plain HTTP would carry passwords."""
    behaviour = BEHAVIOURS[controller]
    for key in behaviour.encrypted:
        value = given.get(key)
        if isinstance(value, str) and behaviour.is_plain(value):
            raise ValueError(f"{key!r}: {value!r} lets passwords pass in the clear: remove it")
