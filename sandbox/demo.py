"""`make demo` after the sandbox is up: deploys the dev stack with `pulumi up` and moves real records through it.

Runs in the sandbox's environment (`python -m sandbox env`): `pulumi` and `kubectl` are on the PATH.
"""

import contextlib
import json
import re
import shutil
import socket
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sandbox import host
from sandbox.client import CREDENTIALS, client_pod
from sandbox.instance import state_folder

LOG_FILES = ("/var/log/dpkg.log", "/var/log/dpkg.log.1", "/var/log/syslog", "/var/log/messages", "/var/log/install.log")
"""Where a machine keeps real log lines of its own; the first file with content is used."""
MOST_LINES = 20_000
STACK = "dev"
TOPIC, WRITER, READER, GROUP = "logs", "log-writer", "log-reader", "demo"
"""What stacks/Pulumi.dev.yaml declares for the demo."""
GATEWAY = "gateway"
"""The Service of the HTTP gateway in the same stack."""
GATEWAY_PORT = 8080
"""The gateway's local port, unless it is taken."""
JSON = "application/vnd.kafka.json.v2+json"
READ_TIMEOUT_MS = 5_000
"""The reader ends when nothing has arrived for this long."""

Record = tuple[str, str]


def say(what: str, text: str, seconds: float | None = None) -> None:
    """One line of progress: who, what, and the minutes and seconds it took."""
    took = "" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
    print(f"{what:<9} {text:<75} {took}".rstrip(), flush=True)


def run(command: Sequence[str], *, stdin: str | None = None) -> str:
    """The command's output; ends the demo with its error if it fails."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr).strip()}")
    return done.stdout


def deploy() -> dict[str, Any]:
    """Runs `pulumi up` on the stack; its outputs."""
    started = time.monotonic()
    run(["pulumi", "stack", "select", "--create", STACK])
    up = subprocess.run(
        ["pulumi", "up", "--yes", "--stack", STACK, "--skip-preview", "--non-interactive"],
        text=True,
        stdout=subprocess.PIPE,
    )
    if up.returncode != 0:
        raise SystemExit(up.stdout)
    # "    + 26 created": a sign, a number and an action
    counts = re.findall(r"^\s+\W*(\d+) (created|updated|replaced|deleted|unchanged)$", up.stdout, re.MULTILINE)
    summary = ", ".join(f"{number} resources {done}" for number, done in counts)
    say("pulumi", f"{STACK}: {summary}", time.monotonic() - started)
    _refresh_git()
    outputs: dict[str, Any] = json.loads(run(["pulumi", "stack", "output", "--json", "--stack", STACK]))
    return outputs


def _refresh_git() -> None:
    """Pulumi has put its salt into the stack file, which .gitattributes keeps out of commits; git compares only sizes."""
    file = f"stacks/Pulumi.{STACK}.yaml"
    if (
        Path(".git").exists()
        and shutil.which("git")
        and not subprocess.run(["git", "diff", "--exit-code", "--", file], capture_output=True).stdout
    ):
        subprocess.run(["git", "add", "--", file], check=True)


def real_lines() -> tuple[str, list[Record]]:
    """Lines of the machine's own log, each with a key: the package in a dpkg line, the program in a system log line."""
    for path in map(Path, LOG_FILES):
        if path.is_file() and (lines := path.read_text(errors="replace").splitlines()[:MOST_LINES]):
            return path.name, [(_key(line), line.replace("\t", " ")) for line in lines if line.strip()]
    lines = run(["dpkg-query", "--show", "--showformat", "${Package} ${Version} ${Status}\n"]).splitlines()
    return "dpkg-query", [(_key(line), line) for line in lines]


def _key(line: str) -> str:
    words = line.split()
    for word in words[2:]:
        if ":" in word and not word[0].isdigit():  # dpkg: "2026-01-01 10:00:00 status installed bash:amd64 5.2"
            return word.split(":")[0].split("[")[0]
    return words[0]


def start_client(namespace: str, image: str, name: str, user: str) -> None:
    """A pod with Kafka's own command-line tools and one user's credentials, as an application would have them."""
    run(["kubectl", "-n", namespace, "delete", "pod", name, "--ignore-not-found", "--now"])
    run(["kubectl", "apply", "-f", "-"], stdin=json.dumps(client_pod(namespace, name, user, image)))


def exec_tool(namespace: str, pod: str, *command: str, stdin: str | None = None) -> str:
    """The output of one of Kafka's tools run in a client pod."""
    return run(["kubectl", "-n", namespace, "exec", "-i", pod, "--", *command], stdin=stdin)


def per_key(records: Sequence[Record]) -> dict[str, list[str]]:
    """The values of each key in order: what Kafka guarantees."""
    grouped: dict[str, list[str]] = defaultdict(list)
    for key, value in records:
        grouped[key].append(value)
    return grouped


def move_records(namespace: str, bootstrap: str, image: str) -> None:
    """Writes the machine's log lines as one user, reads them back as another, and compares count and order per key."""
    started = time.monotonic()
    source, records = real_lines()
    run_id = f"{time.time_ns():x}"
    pods = {"demo-writer": WRITER, "demo-reader": READER}
    for pod, user in pods.items():
        start_client(namespace, image, pod, user)
    run(
        ["kubectl", "-n", namespace, "wait", "--for=condition=Ready", "--timeout=120s", *(f"pod/{pod}" for pod in pods)]
    )
    connection = ["--bootstrap-server", bootstrap, "--topic", TOPIC]
    exec_tool(
        namespace,
        "demo-writer",
        "/opt/kafka/bin/kafka-console-producer.sh",
        *connection,
        f"--command-config={CREDENTIALS}/client.properties",
        "--command-property=acks=all",
        "--reader-property=parse.key=true",
        "--reader-property=parse.headers=true",
        stdin="".join(f"run:{run_id}\t{key}\t{value}\n" for key, value in records),
    )
    output = exec_tool(
        namespace,
        "demo-reader",
        "/opt/kafka/bin/kafka-console-consumer.sh",
        *connection,
        f"--command-config={CREDENTIALS}/client.properties",
        f"--group={GROUP}",
        "--from-beginning",
        f"--timeout-ms={READ_TIMEOUT_MS}",
        "--formatter-property=print.key=true",
        "--formatter-property=print.headers=true",
    )
    read = [
        (key, value)
        for run_of, key, value in (line.split("\t", 2) for line in output.splitlines() if line.count("\t") >= 2)
        if run_of == f"run:{run_id}"
    ]
    wrong = [key for key, values in per_key(records).items() if per_key(read).get(key) != values]
    if len(read) != len(records) or wrong:
        raise SystemExit(
            f"{len(records)} lines of {source} written, {len(read)} read back; keys that differ: {wrong[:5]}"
        )
    say(
        "records",
        f"{len(read):,} lines of {source} -> topic {TOPIC} -> group {GROUP}: all read, in order of their {len(per_key(read)):,} keys",
        time.monotonic() - started,
    )
    run(["kubectl", "-n", namespace, "delete", "pod", *pods, "--now", "--wait=false"])


def through_gateway(namespace: str) -> None:
    """Writes a record over HTTP as one user, reads it back as another, and prints the commands that did it."""
    started = time.monotonic()
    host.install({"curl": "curl"}, state_folder() / "logs" / "packages.log")
    port = _free_port(GATEWAY_PORT)
    forward = f"kubectl -n {namespace} port-forward service/{GATEWAY} {port}:80"
    define = f"password() {{ kubectl -n {namespace} get secret $1-kafka -o go-template='{{{{.data.password|base64decode}}}}'; }}"
    url = f"http://localhost:{port}/topics/{TOPIC}"
    write = (
        f'curl -sSu "{WRITER}:$(password {WRITER})" {url} -H "Content-Type: {JSON}"'
        ' -d \'{"records":[{"key":"curl","value":{"hello":"world"}}]}\''
    )
    with _running(forward.split(), "Forwarding from"):
        answer = json.loads(run(["bash", "-c", f"{define}\n{write}"]))
        if "offsets" not in answer:
            raise SystemExit(f"{write} was answered with:\n{answer}")
        [written] = answer["offsets"]
        records = f"{url}/partitions/{written['partition']}/records?offset={written['offset']}"
        read = f'curl -sSu "{READER}:$(password {READER})" "{records}" -H "Accept: {JSON}"'
        found = json.loads(run(["bash", "-c", f"{define}\n{read}"]))
    wanted = {"offset": written["offset"], "key": "curl", "value": {"hello": "world"}}
    if not isinstance(found, list) or not found or found[0] | wanted != found[0]:
        raise SystemExit(f"{wanted} was written over HTTP, and {read} was answered with:\n{found}")
    where = f"topic {TOPIC}, partition {written['partition']}, offset {written['offset']}"
    say(GATEWAY, f"a record written and read over HTTP: {where}; the commands:", time.monotonic() - started)
    for command in (f"{forward} &", define, write, read):
        print(f"{'':<9} {command}")


def _free_port(wanted: int) -> int:
    """The port if it is free, otherwise another free one."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            free: int = probe.getsockname()[1]
            return free
    raise SystemExit("no port is free on 127.0.0.1")


@contextlib.contextmanager
def _running(command: Sequence[str], sign: str) -> Iterator[None]:
    """Runs the command; the block begins when a line of its output contains the sign."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            if not any(sign in line for line in process.stdout):
                raise SystemExit(f"{' '.join(command)} failed")
            yield
        finally:
            process.terminate()


def main() -> None:
    """Deploys the stack and shows that it works."""
    outputs = deploy()
    namespace, bootstrap = outputs["namespace"], outputs["bootstrapServers"]
    image = "jsonpath={.spec.template.spec.containers[?(@.name=='kafka')].image}"
    move_records(namespace, bootstrap, run(["kubectl", "-n", namespace, "get", "statefulset", "kafka", "-o", image]))
    through_gateway(namespace)
    say("kafka", f"{bootstrap} in the cluster; credentials in Secrets {WRITER}-kafka, {READER}-kafka")
    say("next", 'eval "$(python3 -m sandbox env)"     use pulumi and kubectl in this shell')
    say("", f"pulumi preview --stack {STACK}          shows no changes")
    say("", f"kafka-platform top {STACK}              brokers, topics, groups and the gateway, live")
    say("", f"kafka-platform doctor {STACK}           what is wrong, and how to mend it")
    say("", f"kubectl -n {namespace} get pods        look inside")
    say("", "make down                          remove everything")


if __name__ == "__main__":
    main()
