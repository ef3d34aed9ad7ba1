"""What applies a folder of plain files."""

import re
from dataclasses import dataclass, replace
from enum import Enum


class RenderError(ValueError):
    """Why a stack cannot be written to files, in one line that says what to do."""


class Tool(Enum):
    """What applies the files."""

    KUBECTL = "kubectl"
    """`kubectl apply -k`."""
    ARGOCD = "argocd"
    """Argo CD: objects have sync waves, and those with data are never pruned."""
    FLUX = "flux"
    """Flux: objects with data are never pruned."""


class Passwords(Enum):
    """Where passwords come from."""

    GENERATED = "generated"
    """A Job generates them in the cluster, once."""
    GIVEN = "given"
    """Somebody puts them into a Secret: Sealed Secrets, SOPS, or whoever else."""
    EXTERNAL_SECRETS = "external-secrets"
    """The External Secrets Operator copies them into that Secret from a store."""


_STORE = re.compile(r"(Cluster)?SecretStore/[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the passwords of a rendering come from."""

    passwords: Passwords = Passwords.GENERATED
    """Default: generated in the cluster."""
    store: str | None = None
    """With external-secrets: the store, as `<kind>/<name>`: SecretStore/vault or ClusterSecretStore/vault. Required there."""
    key: str | None = None
    """With external-secrets: what the store calls the secret whose properties are the passwords."""

    def checked(self, key: str) -> "Source":
        """The same with this key unless it has one; raises `RenderError` for what does not fit."""
        if self.passwords is not Passwords.EXTERNAL_SECRETS:
            for name, value in (("--store", self.store), ("--key", self.key)):
                if value is not None:
                    raise RenderError(f"{name} {value}: is for --passwords external-secrets: leave it out")
            return self
        if not _STORE.fullmatch(self.store or ""):
            said = "missing" if self.store is None else f"{self.store!r} is no store"
            raise RenderError(f"--store: {said}: write SecretStore/<name> or ClusterSecretStore/<name>")
        return replace(self, key=self.key or key)


GENERATED = Source()
