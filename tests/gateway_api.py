"""The Gateway API's own definitions of its kinds."""

from sandbox import pins
from tests.go_kinds import Kinds

_GROUP = "gateway.networking.k8s.io"

GATEWAY_API = Kinds(
    module="sigs.k8s.io/gateway-api@v1.4.1",
    checksum="h1:NPxFutNkKNa8UfLd2CMlEuhIPMQgDQ6DXNKG9sHbJU8=",
    files={
        f"{kind}.{_GROUP}": f"config/crd/standard/{_GROUP}_{kind}.yaml"
        for kind in ("gatewayclasses", "gateways", "httproutes")
    },
)

TLS_ROUTES = Kinds(
    module=pins.TLS_ROUTES,
    checksum="h1:RqVRIlkhLhUO8wOHKTLnTJA6o/1un4po4/6M1nRzdd0=",
    files={f"tlsroutes.{_GROUP}": f"config/crd/experimental/{_GROUP}_tlsroutes.yaml"},
)
"""As v1, and in the version of controllers of before."""
