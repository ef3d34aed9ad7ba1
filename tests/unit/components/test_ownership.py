"""What a look at the cluster decides, without one: the hooks are called as the engine does."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pulumi
import pytest
from kafka_platform.kube import ownership
from kafka_platform.kube.marks import ADOPTED, MARK
from kafka_platform.kube.object_id import ClusterError, ObjectId
from kafka_platform.kube.ownership import own
from kafka_platform.kube.place import place
from kafka_platform.kube.refusals import Refusals

from tests.unit.components.graph import run, value

OURS, THEIRS = "organization/kafka-platform/prod", "organization/kafka-platform/" + "dev" * 40
Live = Mapping[str, Mapping[str, Any]]


def metadata(mark: str | None = None, **rest: Any) -> dict[str, Any]:
    return {"annotations": {} if mark is None else {MARK: mark}, **rest}


class FakeCluster:
    """What exists, by the names that messages use."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self.asked: list[tuple[str, bool]] = []

    async def look_up(self, wanted: ObjectId, *, fresh: bool) -> Mapping[str, Any] | None:
        self.asked.append((str(wanted), fresh))
        return self._live.get(str(wanted))

    def names(self, api_version: str, kind: str) -> frozenset[str]:
        self.asked.append((kind, False))
        return frozenset(name.rpartition("/")[2] for name in self._live if name.startswith(f"{kind}/"))

    async def find_all(
        self, api_version: str, kind: str, namespace: str, *, fresh: bool
    ) -> Sequence[Mapping[str, Any]]:
        prefix = f"{kind}/{namespace}/"
        return [
            {"name": name.removeprefix(prefix), **each} for name, each in self._live.items() if name.startswith(prefix)
        ]


def owner(live: Live, *adopt: str) -> Refusals:
    return Refusals(OURS, FakeCluster(live), adopt)


def call(hook: Any) -> None:
    """Runs a hook in an event loop of its own, and leaves the test's in place."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(hook)
    finally:
        loop.close()


def create(stack: Refusals, manifest: Mapping[str, Any], urn: str = "urn:one") -> None:
    """The engine's call before it creates an object. Raises what stops it."""
    call(stack.before_create(pulumi.ResourceHookArgs(urn, "", "it", "kubernetes:it", new_inputs=manifest)))


def update(stack: Refusals, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    args = pulumi.ResourceHookArgs("urn:one", "it", "it", "kubernetes:it", old_inputs=before, new_inputs=after)
    call(stack.before_update(args))


def manifest(api_version: str, kind: str, name: str = "it", **rest: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "streaming"}, **rest}


def stateful_set(replicas: Any) -> dict[str, Any]:
    spec = {"replicas": replicas, "volumeClaimTemplates": [{"metadata": {"name": "data"}}]}
    return manifest("apps/v1", "StatefulSet", "kafka", spec=spec)


def pool() -> dict[str, Any]:
    made = manifest("kafka.strimzi.io/v1", "KafkaNodePool", "brokers")
    made["metadata"]["labels"] = {"strimzi.io/cluster": "kafka"}
    return made


CLAIM = "PersistentVolumeClaim/streaming/data-kafka-1"
POOL_CLAIM = "PersistentVolumeClaim/streaming/data-0-kafka-brokers-0"
OF_THE_POOL = {"labels": {"strimzi.io/cluster": "kafka", "strimzi.io/pool-name": "brokers"}}


class TestAnObject:
    SERVICE = manifest("v1", "Service")

    def test_that_does_not_exist_is_made(self) -> None:
        create(owner({}), self.SERVICE)

    def test_of_this_stack_is_taken_up_again(self) -> None:
        create(owner({"Service/streaming/it": metadata(OURS)}), self.SERVICE)

    @pytest.mark.parametrize("mark", [None, THEIRS, f"{OURS}2", "organization/other/prod"])
    def test_of_anybody_else_is_refused(self, mark: str | None) -> None:
        with pytest.raises(ValueError, match="Service/streaming/it exists already, and this stack did not make it"):
            create(owner({"Service/streaming/it": metadata(mark)}), self.SERVICE)

    def test_that_is_named_may_be_taken_over(self) -> None:
        create(owner({"Service/streaming/it": metadata(THEIRS)}, "Service/streaming/it"), self.SERVICE)

    def test_whose_name_the_api_server_chooses_collides_with_none(self) -> None:
        cluster = FakeCluster({})
        nameless = {"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "streaming"}}
        create(Refusals(OURS, cluster, ()), nameless)
        assert cluster.asked == []

    def test_is_declared_once(self) -> None:
        stack = owner({})
        create(stack, self.SERVICE)
        create(stack, self.SERVICE)
        with pytest.raises(ValueError, match="Service/streaming/it is declared twice, by urn:one too"):
            create(stack, self.SERVICE, urn="urn:two")

    def test_that_nobody_can_see_is_not_made(self) -> None:
        class Silent(FakeCluster):
            async def look_up(self, wanted: ObjectId, *, fresh: bool) -> Mapping[str, Any] | None:
                raise ClusterError("nothing is made unseen")

        with pytest.raises(ClusterError):
            create(Refusals(OURS, Silent({}), ()), self.SERVICE)

    def test_that_another_stack_took_over_is_left_alone(self) -> None:
        with pytest.raises(ValueError, match=f"belongs to the stack {THEIRS} by now"):
            update(owner({"Service/streaming/it": metadata(THEIRS)}), self.SERVICE, self.SERVICE)

    @pytest.mark.parametrize(
        "live", [{}, {"Service/streaming/it": metadata()}, {"Service/streaming/it": metadata(THEIRS)}]
    )
    def test_of_a_renamed_stack_or_of_before_the_marks_is_updated(self, live: Live) -> None:
        before = {**self.SERVICE, "metadata": {**self.SERVICE["metadata"], **metadata(THEIRS)}}
        update(owner(live), before, self.SERVICE)


class TestClaimsOfAStatefulSet:
    def test_of_others_are_refused_for_a_new_one(self) -> None:
        with pytest.raises(
            ValueError, match=f"{CLAIM} exists already.*StatefulSet/streaming/kafka would use the records"
        ):
            create(owner({CLAIM: metadata()}), stateful_set(3.0))

    def test_of_others_are_refused_for_one_that_grows(self) -> None:
        with pytest.raises(ValueError, match=f"{CLAIM} exists already"):
            update(owner({CLAIM: metadata(THEIRS)}), stateful_set(1), stateful_set(3))

    def test_that_it_has_already_are_its_own(self) -> None:
        update(owner({CLAIM: metadata()}), stateful_set(2), stateful_set(3))

    def test_beyond_its_number_are_none_of_its_business(self) -> None:
        create(owner({CLAIM: metadata()}), stateful_set(1))

    def test_that_were_kept_are_used_again(self) -> None:
        create(owner({CLAIM: metadata(OURS)}), stateful_set(3))
        create(owner({CLAIM: metadata(THEIRS)}, CLAIM), stateful_set(3))


class TestClaimsOfAPool:
    def test_of_others_are_refused(self) -> None:
        with pytest.raises(ValueError, match=f"{POOL_CLAIM} exists already.*KafkaNodePool/streaming/brokers would use"):
            create(owner({POOL_CLAIM: metadata(None, **OF_THE_POOL)}), pool())

    def test_of_another_pool_do_not_matter(self) -> None:
        other = {"labels": {"strimzi.io/cluster": "kafka", "strimzi.io/pool-name": "controllers"}}
        create(owner({POOL_CLAIM: metadata(None, **other)}), pool())

    def test_that_were_kept_are_used_again(self) -> None:
        create(owner({POOL_CLAIM: metadata(OURS, **OF_THE_POOL)}), pool())


@pytest.mark.parametrize(
    ("declared", "made"),
    [
        (manifest("kafka.strimzi.io/v1", "KafkaUser", "api"), "Secret/streaming/api"),
        (manifest("keda.sh/v1alpha1", "ScaledObject", "api"), "HorizontalPodAutoscaler/streaming/keda-hpa-api"),
    ],
)
class TestWhatAnOperatorWouldWriteOver:
    def test_is_refused(self, declared: dict[str, Any], made: str) -> None:
        with pytest.raises(ValueError, match=f"{made} exists already.*the operator would write over it"):
            create(owner({made: metadata()}), declared)

    def test_unless_it_made_it_for_the_same_object(self, declared: dict[str, Any], made: str) -> None:
        references = [{"kind": declared["kind"], "name": "api"}]
        create(owner({made: metadata(ownerReferences=references)}), declared)


class TestTheMark:
    @staticmethod
    def registered(manifest: dict[str, Any] | Callable[[], dict[str, Any]], *adopt: str, **opts: Any) -> Any:
        def program() -> None:
            own(OURS, FakeCluster({}), adopt)
            place("it", manifest() if callable(manifest) else manifest, pulumi.ResourceOptions(**opts))

        return next(each for key, each in run(program).items() if key.endswith(" it"))

    def test_is_beside_the_annotations_that_an_object_has(self) -> None:
        for annotations in (
            lambda: {"a": "1"},
            lambda: {"a": pulumi.Output.from_input("1")},
            lambda: pulumi.Output.from_input({"a": "1"}),
        ):

            def declared(made: Callable[[], Any] = annotations) -> dict[str, Any]:
                found = manifest("v1", "Service")
                found["metadata"]["annotations"] = made()
                return found

            assert self.registered(declared).inputs["metadata"]["annotations"] == {"a": "1", MARK: OURS}

    def test_is_on_no_pod(self) -> None:
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": []}}
        made = self.registered(manifest("apps/v1", "Deployment", spec={"template": template}))
        assert made.inputs["spec"]["template"] == template

    def test_is_on_the_claims_of_a_stateful_set_that_is_not_replaced_for_it(self) -> None:
        made = self.registered(stateful_set(1), ignore_changes=["spec.volumeClaimTemplates"])
        assert made.inputs["spec"]["volumeClaimTemplates"][0]["metadata"] == {
            "name": "data",
            "annotations": {MARK: OURS},
        }
        made = self.registered(stateful_set(1))
        assert made.inputs["spec"]["volumeClaimTemplates"][0]["metadata"] == {"name": "data"}

    def test_is_on_the_claims_of_a_pool(self) -> None:
        spec = {"template": {"pod": {"a": 1}}}
        made = self.registered({**pool(), "spec": spec})
        claims = {"metadata": {"annotations": {MARK: OURS}}}
        assert made.inputs["spec"]["template"] == {"pod": {"a": 1}, "persistentVolumeClaim": claims}

    def test_of_an_adopted_object_has_it_taken_over_and_kept(self) -> None:
        made = self.registered(manifest("v1", "Service"), "Service/streaming/it")
        expected = {MARK: OURS, ADOPTED: "true", "pulumi.com/patchForce": "true"}
        assert (made.inputs["metadata"]["annotations"], made.retained) == (expected, True)
        other = self.registered(manifest("v1", "Service"), "Service/elsewhere/it", "Secret/streaming/it")
        assert (other.inputs["metadata"]["annotations"], other.retained) == ({MARK: OURS}, False)

    def test_of_an_adopted_object_whose_namespace_is_known_later(self) -> None:
        declared = manifest("v1", "Service")
        declared["metadata"]["namespace"] = pulumi.Output.from_input("streaming")
        assert self.registered(declared, "Service/streaming/it").retained


def test_every_object_of_a_component_has_the_mark() -> None:
    from kafka_platform import KafkaCluster, KafkaClusterArgs

    def program() -> None:
        own(OURS, FakeCluster({}))
        KafkaCluster("kafka", KafkaClusterArgs(namespace="streaming", nodes=3))

    objects = [each.inputs for each in run(program).values() if "apiVersion" in each.inputs]
    assert len(objects) > 10
    assert {value(each["metadata"]["annotations"][MARK]) for each in objects} == {OURS}


def test_of_many_objects_a_preview_asks_only_for_those_whose_name_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "is_dry_run", lambda: True)
    stack = ownership._Owner(OURS, FakeCluster({"Service/elsewhere/n70": {}}), frozenset())
    hooks = stack._hooks = pulumi.ResourceHookBinding()
    bound = {n for n in range(100) if stack._hooks_for(manifest("v1", "Service", f"n{n}")) is hooks}
    assert bound == {*range(ownership.MANY), 70}
    users = [stack._hooks_for(manifest("kafka.strimzi.io/v1", "KafkaUser", f"n{n}")) for n in range(100)]
    assert set(users) == {hooks}  # the operator makes Secrets of their names
    monkeypatch.setattr(ownership, "is_dry_run", lambda: False)
    assert {stack._hooks_for(manifest("v1", "Service", f"n{n}")) for n in range(100)} == {hooks}
