"""A real Kafka as managed ones are: its clients log in with SCRAM-SHA-256, PLAIN, OAuth tokens or certificates; and a token server."""

import base64
import functools
import http.server
import json
import shutil
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.kafka_process import ADMIN_PASSWORD, ADMIN_USER, BROKER_USER, QUICK, LocalKafka, Node
from tests.ports import free_ports

AUDIENCE = "kafka"
ISSUER = "https://id.example.com"
HANDLERS = "org.apache.kafka.common.security.oauthbearer"


def openssl(folder: Path, *arguments: str, given: bytes | None = None) -> bytes:
    """What openssl prints, run in a folder."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl: install it to make certificates")
    return subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, input=given).stdout


class Authority:
    """Makes certificates that its own certificate proves.

    Args:
        folder: where all files are.
        above: an authority that proves this one's certificate. Default: it proves itself.
    """

    def __init__(self, folder: Path, *, above: "Authority | None" = None) -> None:
        self._folder = folder
        self.ca_file, self.key_file = folder / "ca.crt", folder / "ca.key"
        if above is not None:
            certificate, key = above.issue("issuing", "/CN=issuing", is_authority=True)
            shutil.copy(certificate, self.ca_file)
            shutil.copy(key, self.key_file)
            return
        openssl(
            folder,
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt"),
            *("-subj", "/CN=authority"),
        )

    def issue(
        self, name: str, subject: str, names: str = "", *, days: int = 30, is_authority: bool = False
    ) -> tuple[Path, Path]:
        """The files of a certificate and of its key (PKCS#8); it ended yesterday with -1 days."""
        openssl(
            self._folder,
            *(
                "req",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-keyout",
                f"{name}.key",
                "-out",
                f"{name}.csr",
                "-subj",
                subject,
            ),
        )
        extensions = self._folder / f"{name}.ext"
        lines = [f"subjectAltName={names}"] if names else []
        lines += ["basicConstraints=critical,CA:TRUE"] if is_authority else []
        extensions.write_text("".join(f"{line}\n" for line in lines))
        openssl(
            self._folder,
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-days", str(days), "-extfile", extensions.name, "-out", f"{name}.crt"),
        )
        return self._folder / f"{name}.crt", self._folder / f"{name}.key"


def _unpadded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@dataclass(kw_only=True)
class TokenServer:
    """An OpenID provider on loopback: a token endpoint for client credentials, and the keys by which Kafka judges its tokens."""

    folder: Path
    clients: Mapping[str, str]
    """Secrets by client id."""
    seconds: int = 3600
    """How long tokens are valid."""
    asked: list[dict[str, str]] = field(default_factory=list)
    """The forms that were sent to the token endpoint."""
    url: str = ""

    def token(self, subject: str) -> str:
        """A signed token (RS256) of a client."""
        now = int(time.time())
        claims = {"sub": subject, "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + self.seconds}
        head = {"alg": "RS256", "kid": "one", "typ": "JWT"}
        said = ".".join(_unpadded(json.dumps(each).encode()) for each in (head, claims))
        signature = openssl(self.folder, "dgst", "-sha256", "-sign", "token.key", given=said.encode())
        return f"{said}.{_unpadded(signature)}"

    @functools.cached_property
    def keys(self) -> dict[str, Any]:
        """The key set (RFC 7517)."""
        modulus = openssl(self.folder, "rsa", "-in", "token.key", "-noout", "-modulus").decode().strip()
        number = bytes.fromhex(modulus.partition("=")[2])
        key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "one", "n": _unpadded(number), "e": "AQAB"}
        return {"keys": [key]}

    @contextmanager
    def serving(self) -> Iterator["TokenServer"]:
        """Serves while the context is open."""
        openssl(self.folder, "genrsa", "-out", "token.key", "2048")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, self))
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    def __init__(self, provider: TokenServer, *arguments: Any) -> None:
        self._provider = provider
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self._answer(200, self._provider.keys)

    def do_POST(self) -> None:
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self._provider.asked.append(form)
        given = base64.b64decode(self.headers.get("Authorization", "").partition(" ")[2]).decode()
        client, _, secret = (urllib.parse.unquote(part) for part in given.partition(":"))
        if self._provider.clients.get(client) != secret or form.get("grant_type") != "client_credentials":
            self._answer(401, {"error": "invalid_client"})
            return
        token = self._provider.token(client)
        self._answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": self._provider.seconds})

    def _answer(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@dataclass(kw_only=True)
class ManagedKafka(LocalKafka):
    """One node whose clients log in with SCRAM, PLAIN or tokens over TLS, or by certificates at a port of their own."""

    tokens: TokenServer
    plain_users: Mapping[str, str] = field(default_factory=dict)
    """Passwords of further users of PLAIN, beside the administrator's."""
    certificate_port: int = field(default_factory=lambda: free_ports(1)[0])

    def __post_init__(self) -> None:
        allowed = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={self.tokens.url}/keys"
        self.jvm_options = (*QUICK, allowed)

    def _rendered(self, node: Node) -> dict[str, str]:
        known = super()._rendered(node)
        certs, internal = f"CERTS://127.0.0.1:{self.certificate_port}", "listener.name.internal"
        oauth = f"{internal}.oauthbearer.sasl"
        users = " ".join(
            f'user_{name}="{secret}"' for name, secret in {ADMIN_USER: ADMIN_PASSWORD, **self.plain_users}.items()
        )
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        return known | {
            "listeners": f"{known['listeners']},{certs}",
            "advertised.listeners": f"{known['advertised.listeners']},{certs}",
            "listener.security.protocol.map": f"{known['listener.security.protocol.map']},CERTS:SSL",
            "listener.name.certs.ssl.client.auth": "required",
            "listener.name.certs.ssl.keystore.type": "PEM",
            "listener.name.certs.ssl.keystore.location": str(self.keystore_file),
            "listener.name.certs.ssl.truststore.type": "PEM",
            "listener.name.certs.ssl.truststore.location": str(self.ca_file),
            "super.users": f"User:{ADMIN_USER};User:{BROKER_USER};User:CN=admin",
            f"{internal}.sasl.enabled.mechanisms": "SCRAM-SHA-512,SCRAM-SHA-256,PLAIN,OAUTHBEARER",
            f"{internal}.scram-sha-256.sasl.jaas.config": scram,
            f"{internal}.plain.sasl.jaas.config": f"org.apache.kafka.common.security.plain.PlainLoginModule required {users};",
            f"{oauth}.jaas.config": f"{HANDLERS}.OAuthBearerLoginModule required;",
            f"{oauth}.server.callback.handler.class": f"{HANDLERS}.OAuthBearerValidatorCallbackHandler",
            f"{oauth}.oauthbearer.jwks.endpoint.url": f"{self.tokens.url}/keys",
            f"{oauth}.oauthbearer.expected.audience": AUDIENCE,
            f"{oauth}.oauthbearer.expected.issuer": ISSUER,
        }
