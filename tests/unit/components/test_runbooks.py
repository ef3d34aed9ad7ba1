"""Each alert has a page that says what to do, and each page is about an alert; what people copy from it works."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka_platform import Monitoring, MonitoringArgs
from kafka_platform.kafka.protocols import Engine
from kafka_platform.kube.metrics import Alert, Severity
from kafka_platform.monitoring.spec import RUNBOOKS

from infra.__main__ import parser
from infra.check import ROOT
from tests.dashboards import asked, every_alert
from tests.promtool import promtool
from tests.unit.components.graph import run
from tests.unit.components.test_monitoring import CONNECTION

PAGES = ROOT / "docs" / "runbooks"
INDEX = PAGES / "README.md"
HEADINGS = ["What is broken", "How to see it", "What to do", "What not to do", "How to know it is over"]
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
KUBECTL = {"describe", "get", "logs"}
"""What pages say to run: nothing that changes anything is copied at three in the morning."""
FLAGS = {
    "--all-containers",
    "-c",
    "-n",
    "-A",
    "-l",
    "-o",
    "--sort-by",
    "--previous",
    "--tail",
    "--since",
    "--prefix",
    "--watch",
    "-w",
}


ALERTS = every_alert()
FILES = sorted(set(PAGES.glob("*.md")) - {INDEX})


def blocks(language: str) -> Iterator[tuple[Path, str]]:
    for file in (INDEX, *FILES):
        for indent, found, text in BLOCK.findall(file.read_text(encoding="utf-8")):
            if found == language:
                yield file, re.sub(f"^{indent}", "", text, flags=re.MULTILINE)


def test_each_alert_has_a_page_and_each_page_an_alert() -> None:
    wanted = {name: Path(each.runbook_in("")).name for name, each in ALERTS.items()}
    titles = {file.name: file.read_text(encoding="utf-8").splitlines()[0] for file in FILES}
    assert titles == {page: f"# {name}" for name, page in wanted.items()}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_page_says_what_is_broken_and_what_to_do(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    parts = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert [each.partition("\n")[0] for each in parts] == HEADINGS
    assert all(each.partition("\n")[2].strip() for each in parts)
    for page in re.findall(r"\]\(([^)#]+)\)", text):
        assert "://" in page or (file.parent / page).exists(), page


@pytest.mark.parametrize(
    ("file", "row"),
    [
        (INDEX, r"^\| \[(\w+)\]\([^)]+\) \| (\w+) \|"),
        (ROOT / "docs" / "components" / "monitoring.md", r"^\| `(\w+)` (critical|warning) \|"),
    ],
    ids=["runbooks", "monitoring"],
)
def test_the_lists_of_alerts_are_whole(file: Path, row: str) -> None:
    listed = re.findall(row, file.read_text(encoding="utf-8"), re.MULTILINE)
    assert dict(listed) == {name: each.severity.value for name, each in ALERTS.items()}


def test_commands_of_pages_parse() -> None:
    found = 0
    for file, text in blocks("sh"):
        done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
        assert done.returncode == 0, f"{file.name}: {done.stderr}"
        for line in text.splitlines():
            words = shlex.split(line, comments=True)
            match words:
                case ["kubectl", *rest]:
                    flags = {each.partition("=")[0] for each in rest if each.startswith("-")}
                    assert flags <= FLAGS, f"{file.name}: {line}"
                    verb = next(each for number, each in enumerate(rest) if each[0] != "-" and rest[number - 1] != "-n")
                    assert verb in KUBECTL, f"{file.name}: {line}"
                case ["python", "-m", "infra", *rest]:
                    parser().parse_args(rest)
                case ["pulumi", "up", "--stack", "$STACK"]:
                    pass
                case [assignment]:
                    assert re.fullmatch(r"[A-Z_]+=[\w-]+", assignment), f"{file.name}: {line}"
                case _:
                    pytest.fail(f"{file.name}: {line}: neither kubectl nor pulumi nor python -m infra")
            found += 1
    assert found > len(FILES)


def test_queries_of_pages_parse(tmp_path: Path) -> None:
    try:
        tool = promtool()
    except RuntimeError as error:
        pytest.skip(str(error))
    queries = [text.strip() for _, text in blocks("promql")]
    assert len(queries) > len(FILES) / 2
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    done = subprocess.run([tool, "check", "rules", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_queries_of_pages_ask_for_metrics_of_dashboards_and_alerts() -> None:
    found = {
        name
        for _, text in blocks("promql")
        for name in re.findall(r"(?<![\w:])[a-z]+(?:[_:][a-z0-9]+)+\b(?! *\()", text)
    }
    labels = {"exported_namespace", "job_name", "kafka_cluster", "status_code_group", "strimzi_operator"}
    assert len(found) > 10
    assert found - labels - asked("") == set()


def linked(runbooks: str = RUNBOOKS) -> dict[str, str]:
    """The pages that the alerts of a Strimzi Kafka link to."""
    args = MonitoringArgs(connection=CONNECTION, engine=Engine.STRIMZI, runbooks=runbooks)
    found = run(lambda: Monitoring("kafka", args) and None)
    [group] = found["PrometheusRule kafka-alerts"].inputs["spec"]["groups"]
    return {each["alert"]: each["annotations"]["runbook_url"] for each in group["rules"]}


def test_alerts_link_to_their_pages() -> None:
    assert linked()["KafkaPartitionsUnderMinIsr"] == f"{RUNBOOKS}/kafka-partitions-under-min-isr.md"
    assert linked(runbooks="docs/runbooks/")["KafkaGone"] == "docs/runbooks/kafka-gone.md"


def test_an_alert_of_your_own_may_have_a_page_elsewhere() -> None:
    alert = Alert(
        name="RegistryGone",
        expression="absent(up{$source} == 1)",
        lasting="5m",
        severity=Severity.CRITICAL,
        summary="No pod of the registry shows metrics.",
        description="All of them are gone.",
        runbook="https://wiki.example.com/registry",
    )
    assert alert.runbook_in(RUNBOOKS) == "https://wiki.example.com/registry"


@pytest.mark.parametrize("bad", ["", "  ", "the wiki", "https://x.example.com/\n"])
def test_pages_are_at_an_address(bad: str) -> None:
    with pytest.raises(ValueError, match=r"^runbooks: .*(not the address of a folder|printable characters)"):
        MonitoringArgs(connection=CONNECTION, engine=Engine.STRIMZI, runbooks=bad)
