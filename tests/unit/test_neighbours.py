"""Two stacks of a folder do not serve the same name."""

from pathlib import Path

import pytest

from infra.__main__ import main

HEAD = "config:\n  kafka-platform:platform:\n    namespace: streaming\n"
EMBEDDED = "    kafka: {engine: embedded, nodes: 3"
GATEWAY = f"{HEAD}{EMBEDDED}}}\n    gateway: {{expose: {{ingressClass: nginx, host: data.example.com}}}}\n"
BALANCER = f"{HEAD}{EMBEDDED}}}\n    gateway: {{expose: {{loadBalancer: {{host: data.example.com}}}}}}\n"


def ports(port: int) -> str:
    return f"{HEAD}{EMBEDDED}, listeners: {{external: {{expose: nodePort, host: kafka.example.com, port: {port}}}}}}}\n"


def routes(host: str) -> str:
    return f'{HEAD}{EMBEDDED}, listeners: {{external: {{expose: loadBalancer, host: "{host}"}}}}}}\n'


def advised(folder: Path, capsys: pytest.CaptureFixture[str], **stacks: str) -> list[str]:
    for name, text in stacks.items():
        (folder / f"Pulumi.{name}.yaml").write_text(text)
    main(["check", str(folder / "Pulumi.one.yaml")])
    return [line.strip() for line in capsys.readouterr().out.split("\n") if "is a name of the stack" in line]


@pytest.mark.parametrize("other", [GATEWAY, BALANCER])
def test_a_host_of_two_gateways(other: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert advised(tmp_path, capsys, one=GATEWAY, two=other, three=BALANCER.replace("data.", "else.")) == [
        "advice: gateway.expose.host: 'data.example.com' is a name of the stack 'two' too, and callers reach one of them: use "
        "another, or remove it there first"
    ]


def test_a_node_port_of_two_kafkas(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert advised(tmp_path, capsys, one=ports(30092), two=ports(30192)) == []
    [line] = advised(tmp_path, capsys, two=ports(30092))
    assert line.startswith(
        "advice: kafka.listeners.external.port: 'kafka.example.com:30092' is a name of the stack 'two'"
    )


def test_names_of_brokers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    host = "broker-{nodeId}.kafka.example.com"
    assert advised(tmp_path, capsys, one=routes(host), two=routes(f"test-{host}")) == []
    [line] = advised(tmp_path, capsys, two=routes(host))
    assert line.startswith("advice: kafka.listeners.external.host: 'broker-{nodeId}.kafka.example.com'")


def test_a_neighbour_that_cannot_be_read_is_its_own_matter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert advised(tmp_path, capsys, one=GATEWAY, two=f"{GATEWAY}    topics: [data.example.com]\n") == []
    (tmp_path / "Pulumi.two.yaml").write_bytes(b"\xff data.example.com")
    assert advised(tmp_path, capsys) == []


def test_a_stack_without_names_reads_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert advised(tmp_path, capsys, one=f"{HEAD}{EMBEDDED}}}\n", two=GATEWAY) == []


ROUTES = (
    "listeners: {certificate: tls, external: {expose: tlsRoute, host: 'broker-{nodeId}.example.com', "
    "gatewayClass: traefik"
)


@pytest.mark.parametrize("host", ["broker-12.example.com", "broker-bootstrap.example.com"])
def test_a_host_that_is_one_of_many_names_of_brokers(
    host: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    brokers = f"{HEAD}{EMBEDDED}, {ROUTES}, listenerPort: 8443}}}}}}\n"
    other = GATEWAY.replace("data.example.com", host)
    [line] = advised(tmp_path, capsys, one=other, two=brokers)
    assert line.startswith(f"advice: gateway.expose.host: {host!r} is a name of the stack 'two' too")
    [line] = advised(tmp_path, capsys, one=brokers, two=other)
    assert line.startswith("advice: kafka.listeners.external.host: ")


def test_the_port_of_a_gateway_for_traefik(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "Pulumi.one.yaml"

    def told(brokers: str, gateway: str) -> list[str]:
        exposed = f"    gateway: {{expose: {{gatewayClass: traefik, host: a.example.com, certificate: a{gateway}}}}}\n"
        file.write_text(f"{HEAD}{EMBEDDED}, {ROUTES}{brokers}}}}}}}\n{exposed}")
        main(["check", str(file)])
        lines = capsys.readouterr().out.splitlines()
        return [line.split(": ")[1] for line in lines if "Traefik takes the port" in line]

    assert told("", "") == ["gateway.expose.port", "kafka.listeners.external.listenerPort"]
    assert told(", listenerPort: 8443", ", port: 8443") == []
    assert told(", listenerPort: 443", ", port: 443") == [], "who writes it has decided"
