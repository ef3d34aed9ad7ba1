"""The objects that expose an HTTP gateway outside Kubernetes: one pure function renders each."""

from kafka_platform.gateway.controllers import annotations_of
from kafka_platform.gateway.exposure import GatewayApiExposure, IngressExposure, LoadBalancerExposure, NodePortExposure
from kafka_platform.gateway.settings import COMPONENT, GatewaySettings
from kafka_platform.kube.balancers import balancing
from kafka_platform.kube.manifests import Manifest, labels, metadata, service_port
from kafka_platform.kube.objects import Object, Wait
from kafka_platform.kube.pods import HTTP_PORT
from kafka_platform.kube.routes import GROUP, RouteVersion
from kafka_platform.values.units import size_bytes

GATEWAY_API = f"{GROUP}/v1"
HTTPS_PORT = 443


def ways_in(settings: GatewaySettings, entry: Object) -> list[Object]:
    """The way in from outside, if there is one."""
    expose = settings.spec.exposure()
    if expose.node_port is not None:
        return [Object(role="external", manifest=node_port_service(settings, expose.node_port), after=[entry])]
    if expose.load_balancer is not None:
        return [Object(role="external", manifest=load_balancer_service(settings, expose.load_balancer), after=[entry])]
    if expose.ingress is not None:
        return [Object(role="ingress", manifest=ingress(settings, expose.ingress), after=[entry])]
    if expose.gateway_api is None:
        return []
    route = tls_route if expose.gateway_api.passthrough else http_route
    found = [Object(role="route", manifest=route(settings, expose.gateway_api), after=[entry])]
    if expose.gateway_api.gateway_class is not None:
        own = gateway(settings, expose.gateway_api)
        # Without it a Gateway whose class nobody serves, or whose certificate is missing, would look deployed.
        found.append(Object(role="gateway", manifest=own, after=[entry], wait=Wait(condition="Programmed")))
    return found


def node_port_service(settings: GatewaySettings, exposure: NodePortExposure) -> Manifest:
    """A node port Service for external callers."""
    entry = service_port(settings.scheme, settings.port, HTTP_PORT) | {"nodePort": exposure.port}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(f"{settings.name}-external", settings.namespace, labels(settings.name, COMPONENT)),
        "spec": {"ports": [entry], "selector": settings.own, "type": "NodePort"},
    }


def load_balancer_service(settings: GatewaySettings, exposure: LoadBalancerExposure) -> Manifest:
    """A load balancer Service for external callers."""
    annotations = dict(exposure.annotations)
    if exposure.host is not None:
        annotations = {"external-dns.alpha.kubernetes.io/hostname": exposure.host, **annotations}
    spec: Manifest = {
        "ports": [service_port(settings.scheme, exposure.port or settings.port, HTTP_PORT)],
        "selector": settings.own,
        "type": "LoadBalancer",
        **balancing(exposure.source_ranges, exposure.external_traffic_policy),
    }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(
            f"{settings.name}-external",
            settings.namespace,
            labels(settings.name, COMPONENT),
            dict(sorted(annotations.items())),
        ),
        "spec": dict(sorted(spec.items())),
    }


def gateway(settings: GatewaySettings, exposure: GatewayApiExposure) -> Manifest:
    """A Gateway, which terminates TLS for the one host, or passes it through."""
    certificate = {"group": "", "kind": "Secret", "name": exposure.certificate}
    ending: Manifest = {"certificateRefs": [certificate], "mode": "Terminate"}
    return {
        "apiVersion": GATEWAY_API,
        "kind": "Gateway",
        "metadata": metadata(
            settings.name,
            settings.namespace,
            labels(settings.name, COMPONENT),
            dict(sorted(exposure.annotations.items())),
        ),
        "spec": {
            "gatewayClassName": exposure.gateway_class,
            "listeners": [
                {
                    "allowedRoutes": {"namespaces": {"from": "Same"}},
                    "hostname": exposure.host,
                    "name": "https",
                    "port": exposure.port or HTTPS_PORT,
                    "protocol": "TLS" if exposure.passthrough else "HTTPS",
                    "tls": {"mode": "Passthrough"} if exposure.passthrough else ending,
                }
            ],
        },
    }


def http_route(settings: GatewaySettings, exposure: GatewayApiExposure) -> Manifest:
    """Leads the host's requests to the Service."""
    return {
        "apiVersion": GATEWAY_API,
        "kind": "HTTPRoute",
        "metadata": metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        "spec": {
            "hostnames": [exposure.host],
            "parentRefs": [_parent(settings, exposure)],
            "rules": [
                {
                    "backendRefs": [_backend(settings)],
                    "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                    # Streams are open for hours; some implementations end every answer after 15 s unless told not to.
                    "timeouts": {"request": "0s"},
                }
            ],
        },
    }


def tls_route(settings: GatewaySettings, exposure: GatewayApiExposure) -> Manifest:
    """Leads connections for the host to the Service, TLS and all."""
    version = exposure.route_version or RouteVersion.V1
    return {
        "apiVersion": f"{GROUP}/{version.value}",
        "kind": "TLSRoute",
        "metadata": metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        "spec": {
            "hostnames": [exposure.host],
            "parentRefs": [_parent(settings, exposure)],
            "rules": [{"backendRefs": [_backend(settings)]}],
        },
    }


def _parent(settings: GatewaySettings, exposure: GatewayApiExposure) -> Manifest:
    namespace, name = exposure.gateway_name
    parent: Manifest = {"group": GROUP, "kind": "Gateway", "name": name or settings.name}
    if namespace is not None:
        parent["namespace"] = namespace
    if exposure.listener is not None:
        parent["sectionName"] = exposure.listener
    return parent


def _backend(settings: GatewaySettings) -> Manifest:
    return {"group": "", "kind": "Service", "name": settings.name, "port": settings.port, "weight": 1}


def ingress(settings: GatewaySettings, exposure: IngressExposure) -> Manifest:
    """Leads the host's requests to the Service."""
    tls: Manifest = {"hosts": [exposure.host]}
    if exposure.certificate is not None:
        tls["secretName"] = exposure.certificate
    told = annotations_of(exposure.served_by, int(size_bytes(settings.spec.limits.body)))
    backend = {"service": {"name": settings.name, "port": {"number": settings.port}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata(
            settings.name,
            settings.namespace,
            labels(settings.name, COMPONENT),
            dict(sorted({**told, **exposure.annotations}.items())),
        ),
        "spec": {
            "ingressClassName": exposure.ingress_class,
            "rules": [
                {
                    "host": exposure.host,
                    "http": {"paths": [{"backend": backend, "path": "/", "pathType": "Prefix"}]},
                }
            ],
            "tls": [tls],
        },
    }
