"""What the edge costs: writes to the gateway by its Service, next to the same through Traefik by Ingress and by Gateway API.

One stack in the sandbox, exposed in either way one after the other; in each, the direct way and the one through the edge take
turns. Records of 100 bytes in requests of 100, over connections that are kept open.
"""

import base64
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.gateway import body
from tests.bench.measure import ending_properly, report
from tests.bench.native_client import BATCH
from tests.harness import QUICK_JVM, ROOT, Stack, eventually, get, kubectl
from tests.sandbox_cache import newest_layer

NAMESPACE, HOST = "bench-edge", "data.test"
TOPIC = "bench"
SECONDS, RUNS, CONNECTIONS = 5, 3, 16
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {"engine": "embedded", "nodes": 1, "storage": "2Gi", "deletion": "allow"},
    "topics": {TOPIC: {"partitions": 4, "retention": "1h"}},
    "tenants": {"load": {"users": {"app": {"writes": [TOPIC]}}}},
    "gateway": {"pods": {"min": 1}},
}
WAYS = {
    "ingress": {"ingressClass": "traefik", "host": HOST, "certificate": "web"},
    "gateway_api": {"gatewayClass": "traefik", "host": HOST, "certificate": "web", "port": 8443},
}


def wrk(folder: Path, url: str, address: str, login: str) -> tuple[float, float]:
    """Records a second and the 99th percentile of a request in milliseconds; the host has this address."""
    hosts, script = folder / "hosts", folder / "write.lua"
    hosts.write_text(f"127.0.0.1 localhost\n{address} {HOST}\n")
    script.touch(0o600)
    script.write_text(
        f"""wrk.method = "POST"
wrk.body = '{body(BATCH)}'
wrk.headers["Content-Type"] = "application/vnd.kafka.json.v2+json"
wrk.headers["Authorization"] = "Basic {base64.b64encode(login.encode()).decode()}"
"""
    )
    load = [
        "wrk",
        "--threads=1",
        f"--connections={CONNECTIONS}",
        f"--duration={SECONDS}s",
        "--timeout=30s",
        "--latency",
    ]
    private = ["unshare", "--mount", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh"]
    done = subprocess.run([*private, *load, f"--script={script}", url], capture_output=True, text=True)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    late = re.search(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)
    if (
        done.returncode != 0
        or rate is None
        or late is None
        or "Non-2xx" in done.stdout
        or "Socket errors" in done.stdout
    ):
        raise SystemExit(f"wrk: {done.stdout}{done.stderr}")
    return float(rate[1]) * BATCH, float(late[1]) * {"us": 0.001, "ms": 1, "s": 1000}[late[2]]


def certificate(folder: Path) -> None:
    """A Secret for the edge; the load does not look at what it presents."""
    files = ["-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")]
    subject = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
    subprocess.run([*command, *files, *subject], check=True, capture_output=True)
    given = [f"--cert={folder}/tls.crt", f"--key={folder}/tls.key"]
    made = kubectl("-n", NAMESPACE, "create", "secret", "tls", "web", *given, "--dry-run=client", "-o", "yaml")
    kubectl("apply", "-f", "-", stdin=made)


def served(address: str) -> bool:
    """Whether the edge leads to the gateway by now."""
    command = ["curl", "--silent", "--insecure", "--fail", "--resolve", f"{HOST}:443:{address}"]
    return subprocess.run([*command, f"https://{HOST}/openapi.json"], capture_output=True).returncode == 0


def compared(folder: Path, edge: str, login: str) -> dict[str, float]:
    """Medians of both ways, and their ratio."""
    service = get("service", "gateway", NAMESPACE)["spec"]["clusterIP"]
    ways = {
        "direct": (f"http://{service}/topics/{TOPIC}", service),
        "edge": (f"https://{HOST}/topics/{TOPIC}", edge),
    }
    rounds = [{name: wrk(folder, *way, login) for name, way in ways.items()} for _ in range(RUNS + 1)][1:]
    found = {}
    for name in ways:
        found[f"{name}_records_per_second"] = statistics.median(each[name][0] for each in rounds)
        found[f"{name}_p99_ms"] = statistics.median(each[name][1] for each in rounds)
    found["ratio"] = found["edge_records_per_second"] / found["direct_records_per_second"]
    return found


def main() -> None:
    """Runs both and prints one line of JSON."""
    if newest_layer("edge") is None:
        raise SystemExit("the edge is not compiled: `make edge` does so, once")
    subprocess.run([sys.executable, "-m", "sandbox", "edge"], cwd=ROOT, check=True)
    address = get("service", "traefik", "edge")["status"]["loadBalancer"]["ingress"][0]["ip"]
    with tempfile.TemporaryDirectory() as name, ending_properly():
        folder = Path(name)
        stack = Stack("bench-edge", folder, PLATFORM, jvm=QUICK_JVM)
        try:
            figures: dict[str, float] = {}
            stack.up()
            certificate(folder)
            secret = get("secret", "app-kafka", NAMESPACE)["data"]["password"]
            login = f"app:{base64.b64decode(secret).decode()}"
            for way, expose in WAYS.items():
                stack.write({**PLATFORM, "gateway": {**PLATFORM["gateway"], "expose": expose}})
                stack.up()
                eventually(f"the edge serves {way}", lambda: served(address))
                figures |= {f"{way}_{key}": value for key, value in compared(folder, address, login).items()}
                print(way, {key: round(value, 2) for key, value in figures.items() if key.startswith(way)}, flush=True)
        finally:
            stack.destroy()
            kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")
    report(**figures)


if __name__ == "__main__":
    main()
