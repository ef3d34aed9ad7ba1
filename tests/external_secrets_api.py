"""The External Secrets Operator's own definition of what `infra render` writes for it."""

from tests.go_kinds import Kinds

EXTERNAL_SECRETS_API = Kinds(
    module="github.com/external-secrets/external-secrets@v1.3.2",
    checksum="h1:u2J8RjlHIeF0oZCqtl92adI/uZWUwOesJIDkfql6LqQ=",
    files={"externalsecrets.external-secrets.io": "config/crds/bases/external-secrets.io_externalsecrets.yaml"},
)
