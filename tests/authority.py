"""Certificates for tests of TLS, made by openssl."""

import subprocess
from pathlib import Path


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


class Authority:
    """Signs certificates for 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate = folder / "ca.crt"
        self._key = folder / "ca.key"
        new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        _openssl(*new, "-subj", "/CN=authority", "-keyout", str(self._key), "-out", str(self.certificate))

    def sign(self, name: str, certificate: Path, key: Path, *, days: int = 1, subject: str | None = None) -> None:
        """Write a certificate and its key, each put in place at once. `subject` is `/CN=<name>` unless given; it ended yesterday with -1 days."""
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extensions.write_text("subjectAltName=IP:127.0.0.1\n")
        made_key, made = self.folder / f"{name}.key", self.folder / f"{name}.crt"
        new = ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        _openssl(*new, "-subj", subject or f"/CN={name}", "-keyout", str(made_key), "-out", str(request))
        sign = ["x509", "-req", "-in", str(request), "-CA", str(self.certificate), "-CAkey", str(self._key)]
        _openssl(*sign, "-CAcreateserial", "-days", str(days), "-extfile", str(extensions), "-out", str(made))
        made_key.rename(key)
        made.rename(certificate)
