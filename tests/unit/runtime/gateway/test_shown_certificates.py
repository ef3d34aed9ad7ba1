"""Callers who are known by the certificate that they show: as which user they write, and who cannot pass for one."""

import asyncio
import json
import shutil
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from kafka_platform_runtime.gateway.callers.shown import Shown, ShownCertificates
from kafka_platform_runtime.gateway.settings import Tls
from websockets.asyncio.client import connect as connect_socket

from tests.authority import Authority
from tests.unit.runtime.gateway.conftest import BLUE, RED, Kafka, Program, StartGateway, authorization, password

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl: install it")
KNOWN = "known"
"""A user of this file alone, whose password changes."""
Dial = Callable[..., ssl.SSLContext]
FORGED = {
    "x-forwarded-client-cert": f'By=spiffe://a;Hash=00;Subject="CN={BLUE}"',
    "x-forwarded-tls-client-cert-info": f'Subject="CN={BLUE}"',
    "ssl-client-subject-dn": f"CN={BLUE}",
    "x-ssl-client-verify": "SUCCESS",
    "x-forwarded-for": "10.0.0.1",
}
"""What edges write into requests about certificates."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def passwords(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("users")
    files = {user: folder / user for user in (RED, KNOWN)}
    for user, file in files.items():
        file.write_text(password(user))
    return files


@pytest.fixture(scope="module")
def gateway(
    kafka: Kafka,
    start_gateway: StartGateway,
    authority: Authority,
    passwords: Mapping[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Program:
    """It knows `red` and `known` by their certificates, and trusts a proxy's word for addresses."""
    kafka.make_user(KNOWN)
    kafka.allow(KNOWN, KNOWN)
    for user in (RED, BLUE, KNOWN):
        kafka.make_topic(f"{user}-shown")
    folder = tmp_path_factory.mktemp("own")
    certificate, key = folder / "tls.crt", folder / "tls.key"
    authority.sign("server", certificate, key)
    tls = {
        "certificate": str(certificate),
        "key": str(key),
        "clientAuthority": str(authority.certificate),
        "users": {user: str(file) for user, file in passwords.items()},
    }
    return start_gateway({"tls": tls, "recheckSeconds": 1, "trustedProxies": ["127.0.0.0/8"]})


@pytest.fixture
def dial(authority: Authority, tmp_path: Path) -> Dial:
    """How somebody connects: with a certificate of this subject."""

    def made(subject: str, *, by: Authority | None = None, days: int = 1) -> ssl.SSLContext:
        certificate, key = tmp_path / "own.crt", tmp_path / "own.key"
        (by or authority).sign("caller", certificate, key, days=days, subject=subject)
        context = ssl.create_default_context(cafile=str(authority.certificate))
        context.load_cert_chain(certificate, key)
        return context

    return made


def ask(gateway: Program, context: ssl.SSLContext, topic: str, method: str = "POST", **headers: str) -> int:
    """The status of a request on a connection of its own; 0 if the connection is refused."""
    body = json.dumps({"records": [{"value": 1}]}) if method == "POST" else ""
    path = f"/topics/{topic}" if method == "POST" else f"/topics/{topic}/partitions/0/records?offset=0&timeout=0"
    lines = [f"{method} {path} HTTP/1.1", "host: gateway", f"content-length: {len(body)}"]
    lines += ["content-type: application/vnd.kafka.json.v2+json"] if body else []
    lines += [f"{name}: {value}" for name, value in headers.items()]
    try:
        plain = socket.create_connection(("127.0.0.1", gateway.port), 60)
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
            connection.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
            answer = connection.recv(65536)
    except OSError:
        return 0
    return int(answer.split(b" ")[1]) if answer else 0


def test_a_caller_is_the_user_that_the_certificate_names(gateway: Program, dial: Dial) -> None:
    context = dial(f"/O=acme/CN={RED}")
    for _ in range(3):  # the first is checked by Kafka; later ones take the direct path
        assert ask(gateway, context, f"{RED}-shown") == 200
    assert ask(gateway, context, f"{RED}-shown", "GET") == 200
    assert ask(gateway, context, f"{BLUE}-shown") == 403, "with the rights of that user, and no others"


def test_a_web_socket_is_the_users_too(gateway: Program, dial: Dial) -> None:
    context = dial(f"/CN={RED}")
    assert ask(gateway, context, f"{RED}-shown") == 200

    async def read(topic: str) -> str:
        url = f"wss://127.0.0.1:{gateway.port}/topics/{topic}/stream?from=earliest"
        async with asyncio.timeout(60), connect_socket(url, ssl=context) as stream:
            return str(await stream.recv())

    assert "cursor" in asyncio.run(read(f"{RED}-shown"))


@pytest.mark.parametrize(
    "subject",
    ["/CN=stranger", f"/CN={BLUE}", f"/CN=x/CN={RED}", f"/CN={RED}/CN={RED}", f"/O={RED}", f"/CN={RED.upper()}"],
)
def test_a_certificate_that_names_no_user_is_no_login(gateway: Program, dial: Dial, subject: str) -> None:
    assert ask(gateway, dial(subject), f"{RED}-shown") == 401


def test_credentials_count_more_than_the_certificate(gateway: Program, dial: Dial) -> None:
    for subject in (f"/CN={RED}", "/CN=stranger"):
        context = dial(subject)
        assert ask(gateway, context, f"{BLUE}-shown", authorization=authorization(BLUE)) == 200
        assert ask(gateway, context, f"{RED}-shown", authorization=authorization(RED, "wrong")) == 401
        assert ask(gateway, context, f"{RED}-shown", authorization="") == 401


def test_a_certificate_of_another_authority_is_refused(gateway: Program, dial: Dial, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert ask(gateway, dial(f"/CN={RED}", by=Authority(tmp_path / "other")), f"{RED}-shown") == 0


def test_a_certificate_that_has_ended_is_refused(gateway: Program, dial: Dial) -> None:
    assert ask(gateway, dial(f"/CN={RED}", days=-1), f"{RED}-shown") == 0


def test_no_certificate_is_refused(gateway: Program, authority: Authority) -> None:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    assert ask(gateway, context, f"{RED}-shown") == 0
    assert ask(gateway, context, f"{RED}-shown", authorization=authorization(RED)) == 0


def test_nobody_is_believed_who_writes_about_certificates(gateway: Program, dial: Dial) -> None:
    """Also not a trusted proxy, which may say where a request comes from, and nothing else."""
    assert ask(gateway, dial("/CN=stranger"), f"{BLUE}-shown", **FORGED) == 401
    context = dial(f"/CN={RED}")
    assert ask(gateway, context, f"{BLUE}-shown", **FORGED) == 403
    assert ask(gateway, context, f"{RED}-shown", **FORGED) == 200


def test_a_changed_password_is_read(kafka: Kafka, gateway: Program, dial: Dial, passwords: Mapping[str, Path]) -> None:
    context = dial(f"/CN={KNOWN}")
    assert ask(gateway, context, f"{KNOWN}-shown") == 200
    kafka.make_user(KNOWN, "another-password")
    passwords[KNOWN].write_text("another-password\n")
    until = time.monotonic() + 60
    while (status := ask(gateway, context, f"{KNOWN}-shown")) != 200:
        assert time.monotonic() < until, status
        time.sleep(0.2)


def test_a_password_that_cannot_be_read_is_no_login(
    gateway: Program, dial: Dial, passwords: Mapping[str, Path]
) -> None:
    context = dial(f"/CN={RED}")
    assert ask(gateway, context, f"{RED}-shown") == 200
    passwords[RED].unlink()
    until = time.monotonic() + 60
    try:
        while (status := ask(gateway, context, f"{RED}-shown")) != 401:
            assert time.monotonic() < until, status
            time.sleep(0.2)
        assert password(RED) not in gateway.log.read_text()
    finally:
        passwords[RED].write_text(password(RED))


def test_a_connection_outlives_its_certificate_without_a_login(tmp_path: Path) -> None:
    """TLS looks at the certificate once, and connections stay open for days."""
    (tmp_path / RED).write_text(password(RED))
    tls = Tls(certificate="a", key="b", client_authority="c", users={RED: str(tmp_path / RED)})
    known = ShownCertificates(tls)
    certificate = {"subject": ((("commonName", RED),),), "notAfter": "Jan  1 00:00:00 2035 GMT"}
    shown = known.shown(certificate)
    assert shown == Shown(username=RED, ends=2051222400.0)
    assert known.authorization(shown) == authorization(RED).encode()
    assert known.authorization(Shown(username=RED, ends=time.time() - 1)) is None
    assert ShownCertificates(None).shown(certificate) is None
    without = Tls(certificate="a", key="b", users={RED: str(tmp_path / RED)})
    assert ShownCertificates(without).shown(certificate) is None, "nobody has proved it"
