"""What a drill refuses, whom it kills, what it leaves, and what it says."""

import json
import signal
import time
from collections.abc import Mapping
from typing import Any, ClassVar, cast

import pytest

from infra.connection import Connection, NoAnswerError
from infra.doctor.diagnosis import DRILL_ANNOTATION, Diagnosis
from infra.doctor.findings import fault, warning
from infra.drill import breaking, watching
from infra.drill.command import _Drill, _InterruptedError, _told_to_end
from infra.drill.report import HARMED, SAFE, Report, as_json, as_text
from infra.drill.victims import Kill, RefusedError, Victim, Words, choose, refusals
from infra.drill.watching import Recovery, Rung, Watching
from infra.live.cluster import Cluster
from infra.live.platform import Platform, Watchers
from infra.settings.model import Settings
from infra.settings.parsing import parse
from infra.top.model import Brokers
from tests.unit.live.recordings import objects, pod

THREE: Mapping[str, Any] = {"kafka": {"nodes": 3}, "gateway": {"pods": {"min": 2}}, "probe": {}}
WELL = Brokers(ready=3, wanted=3, under_replicated_partitions=0)


def refused(settings: Settings, words: Words, found: Diagnosis | None = None, brokers: Brokers = WELL) -> list[str]:
    return list(refusals("ours", settings, words, found or Diagnosis(), brokers))


def broker(**more: Any) -> Words:
    return Words(kill=Kill.BROKER, **more)


def test_a_platform_that_is_well_may_be_broken() -> None:
    for kill in (Kill.BROKER, Kill.GATEWAY, Kill.NODE):
        assert refused(parse(THREE), Words(kill=kill)) == []


def test_a_stack_for_production_is_refused_unless_it_is_named_twice() -> None:
    settings = parse({**THREE, "environment": "prod"})
    [reason] = refused(settings, broker())
    assert reason.endswith("write --production ours")
    assert refused(settings, broker(production="other"))
    assert refused(settings, broker(production="ours")) == []


@pytest.mark.parametrize(
    ("settings", "words", "said"),
    [
        ({"kafka": {"nodes": 3}}, broker(), "the probe is missing"),
        ({"probe": {}}, broker(), "there is one broker, and nobody can write until it is back"),
        ({"probe": {}}, Words(kill=Kill.NODE), "there is one broker"),
        ({**THREE, "kafka": {"nodes": 3, "defaults": {"replicas": 1}}}, broker(), "too few copies are in sync"),
        ({**THREE, "gateway": {"pods": {"min": 1}}}, Words(kill=Kill.GATEWAY), "gateway.pods.min is 1"),
        ({"probe": {}}, Words(kill=Kill.GATEWAY), "the stack has no gateway"),
        ({"probe": {}}, Words(kill=Kill.WORKER), "the stack has no workers"),
    ],
)  # fmt: skip
def test_what_is_refused(settings: Any, words: Words, said: str) -> None:
    assert any(said in each for each in refused(parse(settings), words))


def test_an_outage_is_accepted_by_a_word() -> None:
    assert refused(parse({"probe": {}}), broker(accept_outage=True)) == []
    # But nothing else is.
    assert refused(parse({}), broker(accept_outage=True))


@pytest.mark.parametrize(
    "check", ["kafka-under-replicated", "kafka-brokers", "pod-unschedulable", "object-foreign", "drill-left-node"]
)
def test_a_platform_that_is_not_well_is_left_alone(check: str) -> None:
    found = Diagnosis(findings=[warning(check, "Kafka/s/kafka", "is not well", "mend it")])
    assert refused(parse(THREE), broker(accept_outage=True), found) == [
        "the platform is not well before: Kafka/s/kafka: is not well: mend it"
    ]
    harmless = Diagnosis(findings=[fault("certificate-ends", "a", "b", "c"), warning("pod-restarted", "a", "b", "c")])
    assert refused(parse(THREE), broker(), harmless) == []


def node(name: str, *, closed: bool = False) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"unschedulable": True} if closed else {}}


class TestVictims:
    PODS = objects("pods")
    WHERE: ClassVar[Mapping[str, str]] = {each["metadata"]["name"]: each["spec"]["nodeName"] for each in PODS}
    PROBE = WHERE[pod("latency-probe")["metadata"]["name"]]

    def test_the_last_of_its_kind_or_the_one_that_is_named(self) -> None:
        assert choose(broker(), self.PODS, []).called == "broker kafka-1"
        assert choose(broker(name="kafka-0"), self.PODS, []).called == "broker kafka-0"
        assert choose(Words(kill=Kill.GATEWAY), self.PODS, []).called == "gateway gateway-0"
        with pytest.raises(
            RefusedError, match="there is no broker called kafka-9 that is ready: there is kafka-0, kafka-1"
        ):
            choose(broker(name="kafka-9"), self.PODS, [])

    def test_a_machine_without_the_probe(self) -> None:
        machines = [node(each) for each in sorted(set(self.WHERE.values()))]
        if len(machines) > 1:
            found = choose(Words(kill=Kill.NODE), self.PODS, machines)
            assert found.machine != self.PROBE
            assert {each["spec"]["nodeName"] for each in found.pods} == {found.machine}
        with pytest.raises(RefusedError, match="runs the probe"):
            choose(Words(kill=Kill.NODE, name=self.PROBE), self.PODS, [node(self.PROBE), node("other")])

    def test_not_the_only_machine(self) -> None:
        with pytest.raises(RefusedError, match="no second machine"):
            choose(Words(kill=Kill.NODE), self.PODS, [node("a"), node("b", closed=True)])


class Api:
    """Answers in the place of the API server, and remembers what it was asked."""

    def __init__(self, *failures: NoAnswerError) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self._failures = list(failures)

    def ask(self, method: str, path: str, *, body: Any = None, **_: Any) -> bytes:
        self.asked.append((method, path, body))
        if self._failures:
            raise self._failures.pop(0)
        return b"{}"

    @property
    def connection(self) -> Connection:
        return cast(Connection, self)


def test_only_the_very_pod_is_killed() -> None:
    api, victim = Api(), pod("kafka-1")
    breaking.kill(api.connection, victim)
    [(method, path, body)] = api.asked
    assert (method, path) == ("DELETE", "/api/v1/namespaces/streaming/pods/kafka-1")
    assert body["preconditions"] == {"uid": victim["metadata"]["uid"]}
    assert body["gracePeriodSeconds"] == 1


def test_an_eviction_waits_for_the_disruption_budget() -> None:
    api = Api(NoAnswerError("429 not now", 429), NoAnswerError("404 gone", 404))
    waited: list[float] = []
    breaking.evict(api.connection, [pod("kafka-0"), pod("kafka-1")], waited.append)
    assert [path.rsplit("/", 2)[1] for _, path, _ in api.asked] == ["kafka-0", "kafka-0", "kafka-1"]
    assert len(waited) == 1
    with pytest.raises(NoAnswerError, match="pod kafka-0 cannot be evicted: 403 no"):
        breaking.evict(Api(NoAnswerError("403 no", 403)).connection, [pod("kafka-0")], waited.append)


def test_a_machine_is_opened_again_although_the_api_server_fails_at_first() -> None:
    api = Api(NoAnswerError("gone away"), NoAnswerError("gone away"))
    breaking.reopen(api.connection, "node-1", sleep=lambda _: None)
    assert len(api.asked) == 3
    assert api.asked[-1][2] == {"metadata": {"annotations": {DRILL_ANNOTATION: None}}, "spec": {"unschedulable": None}}


class Ends(Api):
    """The drill is told to end while it evicts, as by SIGTERM."""

    def ask(self, method: str, path: str, *, body: Any = None, **more: Any) -> bytes:
        answer = super().ask(method, path, body=body, **more)
        if path.endswith("/eviction"):
            raise _InterruptedError
        return answer


def test_a_machine_is_opened_again_when_the_drill_is_told_to_end() -> None:
    api = Ends()
    victim = Victim(kill=Kill.NODE, pods=[pod("kafka-1")], machine="node-2")

    class There:
        connection = api.connection

    drill = _Drill("ours", parse(THREE), cast(Cluster, There()), victim, 60.0, {})
    with pytest.raises(_InterruptedError):
        drill._kill(cast(Watching, None), time.monotonic())
    closed, _, opened = api.asked
    assert closed[2]["spec"] == {"unschedulable": True}
    assert closed[2]["metadata"]["annotations"][DRILL_ANNOTATION].startswith("ours since ")
    assert opened[2]["spec"] == {"unschedulable": None}


class EndsTwice(Api):
    """Two signals come at the same moment while pods are evicted, as when a session ends."""

    def ask(self, method: str, path: str, *, body: Any = None, **more: Any) -> bytes:
        answer = super().ask(method, path, body=body, **more)
        if path.endswith("/eviction"):
            both = {signal.SIGTERM, signal.SIGHUP}
            signal.pthread_sigmask(signal.SIG_BLOCK, both)
            for each in both:
                signal.raise_signal(each)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, both)
        return answer


class EndsWhileItOpens(Api):
    """The only signal comes as the machine is being opened, before that is done."""

    def ask(self, method: str, path: str, *, body: Any = None, **more: Any) -> bytes:
        if len(self.asked) == 2 and body["spec"] == {"unschedulable": None}:
            self.asked.append((method, path, {"spec": "interrupted"}))
            signal.raise_signal(signal.SIGTERM)
        return super().ask(method, path, body=body, **more)


class Whole:
    def is_whole(self, gone: Any, since: float) -> bool:
        return True


@pytest.mark.parametrize("api", [EndsTwice(), EndsWhileItOpens()], ids=["two signals", "one within opening"])
def test_a_machine_is_opened_again_whenever_signals_come(api: Api) -> None:
    victim = Victim(kill=Kill.NODE, pods=[pod("kafka-1")], machine="node-2")

    class There:
        connection = api.connection

    drill = _Drill("ours", parse(THREE), cast(Cluster, There()), victim, 60.0, {})
    with pytest.raises(_InterruptedError), _told_to_end():
        drill._kill(cast(Watching, Whole()), time.monotonic())
    assert api.asked[-1][2]["spec"] == {"unschedulable": None}
    assert not drill._closed


def probed(**of_a_path: Any) -> dict[str, Any]:
    path = {
        "write": "native",
        "read": "http",
        "late": 0,
        "lost": 0,
        "unread": 0,
        "duplicated": 0,
        "outOfOrder": 0,
        "slowestSeconds": 0.02,
    }
    write = {
        "write": "native", "written": 1212, "failed": 0, "longestSilenceSeconds": 3.1, "nobodySeconds": 0.4, "partitions": 3,
        "silentPartitions": 1,
    }  # fmt: skip
    return {"lateSeconds": 1.0, "seconds": 30.0, "paths": [{**path, **of_a_path}], "writes": [write]}


def report(recovery: Recovery | None = None, *, recovered: bool = True, **of_a_path: Any) -> Report:
    known = recovery or Recovery(ready=14.2, whole=19.8, copies_known=True)
    return Report(stack="ours", victim="broker kafka-1", recovered=recovered, recovery=known, probe=probed(**of_a_path))


def test_one_line_says_what_happened() -> None:
    told = report(late=7, slowestSeconds=3.3)
    assert told.line == (
        "broker kafka-1 killed: nobody could write for 400 ms; to some partitions for 3.1 s; 7 records came late, by 3.3 s at most; "
        "nothing was lost; no alert fired; whole again after 20 s"
    )
    assert told.code == SAFE


@pytest.mark.parametrize("harm", ["lost", "unread", "duplicated", "outOfOrder"])
def test_what_is_lost_or_comes_twice_is_a_failure(harm: str) -> None:
    of_a_path: dict[str, Any] = {harm: 1}
    assert report(**of_a_path).code == HARMED


def test_a_platform_that_does_not_come_back_is_a_failure() -> None:
    told = report(Recovery(ready=None, copies_known=False), recovered=False)
    assert told.code == HARMED
    assert told.line.endswith("NOT whole again in time")
    assert "pods not all ready   copies in sync: not known" in as_text(told)


def test_whom_the_alerts_would_have_woken() -> None:
    fired = Rung(alert="KafkaWritesFail", severity="critical", seconds=90, after=60, fired=True, receivers=["pager"])
    waits = Rung(alert="KafkaPartitionsUnderReplicated", severity="warning", seconds=16, after=900)
    told = report(Recovery(ready=1.0, whole=2.0, copies_known=True, alerts={"a": waits, "b": fired}))
    text = as_text(told)
    assert "KafkaWritesFail (critical) fired: told pager" in text
    assert "KafkaPartitionsUnderReplicated (warning) had reason for 16 s, and waits for 15 min: nobody was told" in text
    assert "KafkaWritesFail fired" in told.line
    assert [each["fired"] for each in as_json(told)["alerts"]] == [False, True]


def test_the_keys_that_scripts_rely_on() -> None:
    told = as_json(report(Recovery(alerts_why="no Prometheus in this stack could have seen it")))
    assert json.loads(json.dumps(told)) == told
    assert set(told) == {
        "version", "stack", "killed", "recovered", "readySeconds", "wholeSeconds", "nobodyCouldWriteSeconds", "late", "lost",
        "duplicated", "outOfOrder", "writes", "paths", "alerts",
    }  # fmt: skip
    assert told["alerts"] is None


def test_one_look_lists_the_pods_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[None] = []

    def pods(*_: Any) -> tuple[list[Any], list[Any]]:
        looks.append(None)
        return [], []

    monkeypatch.setattr(watching, "pods", pods)
    platform = Platform(stack="dev", namespace="streaming")
    watched = Watching(cast(Cluster, None), platform, Watchers())
    monkeypatch.setattr(watching, "samples", lambda *_: {})
    watched.is_whole([], 1.0)
    assert len(looks) == 2, "once before the kill, and once since"
