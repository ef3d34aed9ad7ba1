"""cert-manager's own definitions of its kinds, of the version that CertManager installs."""

from kafka_platform.operators.cert_manager.spec import CERT_MANAGER_VERSION

from tests.go_kinds import Kinds

CERT_MANAGER_API = Kinds(
    module=f"github.com/cert-manager/cert-manager@v{CERT_MANAGER_VERSION}",
    checksum="h1:0LttV37Q5c2CBNoHkjuI8sLKTXWZDC2SwQkxrBMKV9w=",
    files={
        f"{kind}.{group}": f"deploy/crds/{group}_{kind}.yaml"
        for group, kinds in {
            "cert-manager.io": ("certificaterequests", "certificates", "clusterissuers", "issuers"),
            "acme.cert-manager.io": ("challenges", "orders"),
        }.items()
        for kind in kinds
    },
)
