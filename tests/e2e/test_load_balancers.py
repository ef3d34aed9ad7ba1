"""Native Kafka clients from outside: each broker has a load balancer under a name of its own, which its certificate proves."""

import json
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sandbox.instance import load, state_folder
from tests.e2e.conftest import MakeStack
from tests.harness import PATIENCE, Stack, client_pod, eventually, get, in_pod, kubectl
from tests.logins import Authority
from tests.outside import balancer, native_client, needed_edge

NAMESPACE = "e2e-balancers"
BROKER_HOST = "broker-{nodeId}.kafka.test"
BROKERS = 3
NAMES = [f"kafka.{NAMESPACE}.svc", f"*.kafka-nodes.{NAMESPACE}.svc", "*.kafka.test"]
RECORDS = 2_000


def platform(machine: str, **more: str) -> dict[str, Any]:
    external = {"expose": "loadBalancer", "host": BROKER_HOST, "sourceRanges": [f"{machine}/32"], **more}
    return {
        "namespace": NAMESPACE,
        "createNamespace": False,
        "kafka": {
            "engine": "embedded",
            "nodes": BROKERS,
            "storage": "1Gi",
            "deletion": "allow",
            "listeners": {"certificate": "brokers", "external": external},
        },
        "topics": {"orders": {"partitions": 6}},
        "tenants": {"shop": {"users": {"app": {"writes": ["orders"], "reads": ["orders"], "groups": ["none"]}}}},
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that clients trust."""
    return Authority(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def stack(root: Authority, make_stack: MakeStack) -> Stack:
    needed_edge("load-balancers")
    instance = load(state_folder())
    assert instance is not None
    certificate, key = root.issue("brokers", "/CN=brokers", ",".join(f"DNS:{name}" for name in NAMES))
    kubectl("create", "namespace", NAMESPACE)
    files = {"tls.crt": certificate, "tls.key": key, "ca.crt": root.ca_file}
    given = [f"--from-file={name}={file}" for name, file in files.items()]
    kubectl("-n", NAMESPACE, "create", "secret", "generic", "brokers", *given)
    stack = make_stack("balancers", platform(instance.host))
    stack.up()
    return stack


@pytest.fixture(scope="module")
def addresses(stack: Stack) -> dict[str, str]:
    """Names and addresses, as a DNS would have them."""
    return {BROKER_HOST.format(nodeId=node): balancer(f"kafka-external-{node}", NAMESPACE) for node in range(BROKERS)}


def test_records_go_through_them_while_a_broker_moves(
    tmp_path: Path, addresses: dict[str, str], root: Authority
) -> None:
    assert len(set(addresses.values())) == BROKERS
    with native_client(tmp_path, NAMESPACE, addresses, root, "flow", "orders", str(RECORDS)) as running:
        assert running.stdout is not None
        begun = running.stdout.readline()
        if begun:
            kubectl("-n", NAMESPACE, "delete", "pod", "kafka-1", "--wait=false")
        text, errors = running.communicate(timeout=PATIENCE * 300)
    assert begun, errors
    found = json.loads(text.splitlines()[-1])
    print(found)
    assert found["brokers"] == {str(node): f"{name}:9094" for node, name in enumerate(addresses)}
    counts = {key: found[key] for key in ("acknowledged", "failed", "read", "twice", "missing")}
    wanted = {"acknowledged": RECORDS, "failed": [], "read": RECORDS, "twice": 0, "missing": []}
    assert counts == wanted


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"bootstrap.servers": "stranger.test:9094"}, "certificate verify failed"),
        ({"sasl.password": "wrong"}, "Authentication failed"),
    ],
    ids=["under another name", "with another password"],
)
def test_a_client_is_refused(
    tmp_path: Path, addresses: dict[str, str], root: Authority, settings: dict[str, str], reason: str
) -> None:
    known = {**addresses, "stranger.test": next(iter(addresses.values()))}
    with native_client(tmp_path, NAMESPACE, known, root, "refused", **settings) as running:
        text, errors = running.communicate(timeout=PATIENCE * 60)
    assert text, errors
    assert reason in str(json.loads(text)["errors"])


def test_only_the_source_ranges_are_let_in(addresses: dict[str, str]) -> None:
    """This machine is in them, and pods are not."""
    to = next(iter(addresses.values()))
    socket.create_connection((to, 9094), timeout=PATIENCE * 10).close()
    client_pod(NAMESPACE, "stranger", "app")
    program = f"import socket; socket.create_connection(('{to}', 9094), timeout=3)"
    done = subprocess.run(
        ["kubectl", "-n", NAMESPACE, "exec", "stranger", "--", "python3", "-c", program],
        capture_output=True,
        text=True,
    )
    assert "timed out" in done.stderr
    # The way of pods is open to it.
    in_pod(
        NAMESPACE,
        "stranger",
        "python3",
        "-c",
        program.replace(to, f"kafka.{NAMESPACE}.svc").replace("9094", "9092"),
    )


def peers(pod: str) -> set[str]:
    """The addresses from which connections to the external port of a broker come."""
    program = """
import socket
for name in ("/proc/net/tcp", "/proc/net/tcp6"):
    for line in open(name).readlines()[1:]:
        _, local, remote, state = line.split()[:4]
        if local.endswith(":2386") and state == "01":
            print(socket.inet_ntoa(bytes.fromhex(remote.partition(":")[0][-8:])[::-1]))
"""
    return set(in_pod(NAMESPACE, pod, "python3", "-c", program, container="health").split())


@pytest.mark.long
def test_with_the_policy_local_brokers_see_who_connects(stack: Stack, addresses: dict[str, str]) -> None:
    """Also through the machine that runs the broker alone, which a real load balancer finds out by its health checks."""
    instance = load(state_folder())
    assert instance is not None
    to = addresses[BROKER_HOST.format(nodeId=0)]
    pods = {each: get("pod", f"kafka-{each}", NAMESPACE) for each in range(BROKERS)}
    started = pods[0]["status"]["startTime"]
    stack.write(platform(instance.host, externalTrafficPolicy="Local"))
    stack.up()
    assert get("pod", "kafka-0", NAMESPACE)["status"]["startTime"] == started, "no broker restarts for it"
    route = ["ip", "route", "replace", f"{to}/32", "via", pods[0]["status"]["hostIP"]]
    subprocess.run(route, check=True)
    try:
        with socket.create_connection((to, 9094), timeout=PATIENCE * 20):
            eventually("the broker sees this machine", lambda: instance.host in peers("kafka-0"))
        other = next(each for each in pods.values() if each["status"]["hostIP"] != pods[0]["status"]["hostIP"])
        subprocess.run([*route[:-1], other["status"]["hostIP"]], check=True)
        with pytest.raises((TimeoutError, ConnectionError)):
            socket.create_connection((to, 9094), timeout=5).close()
    finally:
        subprocess.run(["ip", "route", "del", f"{to}/32"], check=True)
