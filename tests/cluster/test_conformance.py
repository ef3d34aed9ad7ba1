"""What programs rely on in the kubernetes and random providers, against whichever are attached: the official ones or the sandbox's."""

import base64
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.cluster.conformance.cases import CASES, READY, REFUSALS
from tests.cluster.conformance.kinds import config_map, job, resource, service, widget, widget_definition
from tests.cluster.conformance.model import Case, Options, Provider, Refusal, Resource
from tests.cluster.conformance.runner import Run, Stack

Stacks = Callable[[str], Stack]


@dataclass(frozen=True, kw_only=True)
class History:
    """One program from its first preview to its end, and what was seen on the way."""

    namespace: str
    first_preview: Run
    created: Run
    state: Mapping[str, dict[str, Any]]
    unchanged: Run
    second_preview: Run
    changed: Run
    changed_state: Mapping[str, dict[str, Any]]
    live: Mapping[str, dict[str, Any]]
    drift: Run
    after_drift: Run
    repaired: Run
    destroyed: Run
    left: Mapping[str, dict[str, Any]]
    exported: str


def program(step: int) -> dict[str, Resource]:
    return {case.name: case.at(step) for case in CASES}


def name_in(state: Mapping[str, dict[str, Any]], case: str) -> str:
    name: str = state[case]["id"].split("/")[-1]
    return name


def config_maps(stack: Stack) -> dict[str, dict[str, Any]]:
    items = json.loads(stack.kubectl("get", "configmap", "-o", "json"))["items"]
    return {item["metadata"]["name"]: item for item in items}


@pytest.fixture(scope="module")
def history(stacks: Stacks) -> History:
    stack = stacks("changes")
    stack.kubectl("create", "configmap", "theirs", "--from-literal=a=1", "--field-manager=them")
    stack.kubectl("create", "configmap", "existing", "--from-literal=a=1")
    stack.declare(program(1))
    first_preview = stack.preview().assert_succeeded()
    created = stack.up().assert_succeeded()
    state = stack.resources()
    exported = stack.pulumi("stack", "export")
    unchanged = stack.preview().assert_succeeded()
    ignored = name_in(state, "ignored")
    stack.kubectl("patch", "configmap", ignored, "-p", '{"data":{"theirs":"9"}}', "--field-manager=them")
    stack.declare(program(2))
    second_preview = stack.preview().assert_succeeded()
    changed = stack.up().assert_succeeded()
    changed_state = stack.resources()
    live = config_maps(stack)
    stack.kubectl("patch", "configmap", name_in(changed_state, "forced"), "-p", '{"data":{"a":"drift"}}')
    stack.kubectl("delete", "configmap", name_in(changed_state, "labelled"))
    drift = stack.run("refresh", "--yes").assert_succeeded()
    after_drift = stack.preview().assert_succeeded()
    repaired = stack.up().assert_succeeded()
    stack.kubectl("delete", "configmap", name_in(stack.resources(), "config-map-named"))
    destroyed = stack.run("destroy", "--yes").assert_succeeded()
    return History(
        namespace=stack.namespace,
        first_preview=first_preview,
        created=created,
        state=state,
        unchanged=unchanged,
        second_preview=second_preview,
        changed=changed,
        changed_state=changed_state,
        live=live,
        drift=drift,
        after_drift=after_drift,
        repaired=repaired,
        destroyed=destroyed,
        left=config_maps(stack),
        exported=exported,
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
class TestChange:
    def test_first_preview_creates(self, history: History, case: Case) -> None:
        assert history.first_preview.steps[case.name].operation == "create"

    def test_unchanged_program_changes_nothing(self, history: History, case: Case) -> None:
        step = history.unchanged.steps[case.name]
        assert (step.operation, step.changes) == ("same", {})

    def test_preview_names_the_change(self, history: History, case: Case) -> None:
        step = history.second_preview.steps[case.name]
        assert step.operation == case.operation
        if case.changes:
            assert step.changes == case.changes

    def test_deployment_does_what_the_preview_said(self, history: History, case: Case) -> None:
        order = [operation for name, operation in history.changed.order if name == case.name]
        if case.deletes_first is None:
            assert order == [case.operation]
        else:
            gone, come = ("delete-replaced", "create-replacement")
            assert (order.index(gone) < order.index(come)) == case.deletes_first


class TestPreview:
    def test_shows_what_the_cluster_would_fill_in(self, history: History) -> None:
        spec = history.first_preview.steps["service-port"].outputs["spec"]
        assert (spec["type"], spec["sessionAffinity"]) == ("ClusterIP", "None")

    def test_shows_no_secret(self, history: History) -> None:
        for run in (history.first_preview, history.second_preview, history.created, history.changed):
            assert "hunter" not in run.output + repr(run.steps)
            assert base64.b64encode(b"hunter").decode()[:7] not in run.output + repr(run.steps)


class TestNames:
    def test_are_made_of_the_resource_and_a_suffix(self, history: History) -> None:
        made = history.state["config-map-autonamed"]
        assert re.fullmatch(rf"{history.namespace}/config-map-autonamed-[0-9a-f]{{8}}", made["id"])
        assert made["inputs"]["metadata"]["annotations"]["pulumi.com/autonamed"] == "true"

    def test_change_with_a_replacement(self, history: History) -> None:
        assert name_in(history.state, "config-map-autonamed") != name_in(history.changed_state, "config-map-autonamed")

    def test_stay_otherwise(self, history: History) -> None:
        assert name_in(history.state, "config-map-mutable") == name_in(history.changed_state, "config-map-mutable")

    def test_have_no_namespace_where_the_kind_has_none(self, history: History) -> None:
        assert "/" not in history.state["storage-class"]["id"]

    def test_take_the_providers_namespace(self, history: History) -> None:
        assert history.state["service-account"]["outputs"]["metadata"]["namespace"] == history.namespace


class TestState:
    def test_holds_inputs_manager_and_version(self, history: History) -> None:
        outputs = history.state["config-map-mutable"]["outputs"]
        assert outputs["__inputs"]["data"]["kept"] == "1"
        assert outputs["__fieldManager"].startswith("pulumi-kubernetes")
        assert outputs["__initialApiVersion"] == "v1"

    def test_has_no_secret_in_the_open(self, history: History) -> None:
        assert "hunter2" not in history.exported
        assert base64.b64encode(b"hunter2").decode() not in history.exported

    def test_encrypts_only_what_is_secret(self, history: History) -> None:
        data = history.state["config-map-secret-value"]["outputs"]["data"]
        assert data["open"] == "shown"
        assert "ciphertext" in data["hidden"]

    def test_encrypts_all_data_of_a_secret(self, history: History) -> None:
        for part in ("inputs", "outputs"):
            assert "ciphertext" in history.state["secret-mutable"][part]["data"]


class TestApply:
    def test_removes_what_left_the_program(self, history: History) -> None:
        data = history.live[name_in(history.changed_state, "config-map-mutable")]["data"]
        assert data == {"kept": "1", "changed": "b", "added.with.dots": "y"}

    def test_leaves_ignored_fields_to_their_owner(self, history: History) -> None:
        data = history.live[name_in(history.changed_state, "ignored")]["data"]
        assert data == {"mine": "2", "theirs": "9"}

    def test_patch_leaves_the_rest_alone(self, history: History) -> None:
        assert history.live["theirs"]["data"] == {"a": "1", "ours": "2"}

    def test_upsert_keeps_what_others_set(self, history: History) -> None:
        assert history.live["existing"]["data"] == {"a": "1", "ours": "1"}

    def test_takes_the_field_manager_of_the_annotation(self, history: History) -> None:
        assert history.changed_state["field-manager"]["outputs"]["__fieldManager"] == "me"


class TestRefresh:
    def test_finds_a_changed_field(self, history: History) -> None:
        assert history.drift.steps["forced"].outputs["data"]["a"] == "drift"
        assert history.after_drift.steps["forced"].operation == "update"
        assert history.after_drift.steps["forced"].changes == {"data.a": "update"}

    def test_finds_a_missing_object(self, history: History) -> None:
        assert history.drift.steps["labelled"].operation == "delete"
        assert history.after_drift.steps["labelled"].operation == "create"

    def test_keeps_random_values(self, history: History) -> None:
        assert history.drift.steps["password"].operation in ("refresh", "same")


class TestDestroy:
    def test_gives_patched_fields_back(self, history: History) -> None:
        assert history.left["theirs"]["data"] == {"a": "1"}

    def test_leaves_nothing_but_what_is_retained(self, history: History) -> None:
        assert set(history.left) - {"kube-root-ca.crt"} == {"theirs", "retained"}


class TestRandom:
    def test_password_is_secret_and_follows_the_rules(self, history: History) -> None:
        outputs = history.state["password"]["outputs"]
        assert "ciphertext" in outputs["result"]
        assert "ciphertext" in outputs["bcryptHash"]

    def test_values_have_the_right_form(self, history: History) -> None:
        outputs = {name: entry.get("outputs", {}) for name, entry in history.state.items()}
        assert re.fullmatch(r"[a-z0-9]{8}", outputs["string"]["result"])
        assert re.fullmatch(r"[0-9a-f]{32}", outputs["id"]["hex"])
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", outputs["uuid"]["result"])
        assert outputs["integer"]["result"] in (5, 6)
        assert len(set(outputs["shuffle"]["results"])) == 2
        assert history.state["id"]["id"] == outputs["id"]["b64Url"]


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Programs that fail, and what the next deployment made of what they left behind."""

    run: Run
    state: Mapping[str, dict[str, Any]]
    retried: Run
    retried_state: Mapping[str, dict[str, Any]]


@pytest.fixture(scope="module")
def refused(stacks: Stacks) -> Refused:
    stack = stacks("refusals")
    stack.kubectl("create", "configmap", "theirs", "--from-literal=a=1", "--field-manager=them")
    pods = bool(json.loads(stack.kubectl("get", "nodes", "-o", "json"))["items"])
    stack.kubectl("create", "configmap", "existing", "--from-literal=a=1")
    stack.declare({"definition": widget_definition()})
    stack.up().assert_succeeded()
    declared = {refusal.name: refusal.resource for refusal in REFUSALS if pods or not refusal.pods}
    stack.declare({"definition": widget_definition(), **declared})
    run = stack.up("--continue-on-error")
    state = stack.resources()
    for name in ("condition", "path"):
        status = {"phase": "Done", "conditions": [{"type": kind, "status": "True"} for kind in ("Ready", "Made")]}
        stack.kubectl(
            "patch",
            f"widgets.{stack.namespace}.kafka-platform.dev",  # other tests have a kind of the same short name
            name_in(state, name),
            "--subresource=status",
            "--type=merge",
            "-p",
            json.dumps({"status": status}),
        )
    repaired = {name: declared[name] for name in ("condition", "path")}
    if pods:
        repaired["job-fails"] = job("true", annotations={"pulumi.com/replaceUnready": "true"})
    stack.declare({"definition": widget_definition(), **repaired})
    retried = stack.up()
    return Refused(run=run, state=state, retried=retried, retried_state=stack.resources())


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
class TestRefusal:
    def test_says_why(self, request: pytest.FixtureRequest, refused: Refused, refusal: Refusal) -> None:
        if refusal.pods:
            request.getfixturevalue("nodes")
        message = refused.run.messages.get(refusal.name, "")
        for text in refusal.says:
            assert text in message, refused.run.output

    def test_keeps_what_exists(self, request: pytest.FixtureRequest, refused: Refused, refusal: Refusal) -> None:
        if refusal.pods:
            request.getfixturevalue("nodes")
        assert (refusal.name in refused.state) == refusal.exists
        if refusal.exists:
            assert refused.state[refusal.name]["initErrors"]


class TestRetry:
    def test_waits_again_for_what_was_not_ready(self, refused: Refused) -> None:
        refused.retried.assert_succeeded()
        for name in ("condition", "path"):
            assert refused.retried.steps[name].operation == "update"
            assert not refused.retried_state[name].get("initErrors")
            assert refused.retried_state[name]["id"] == refused.state[name]["id"]

    def test_replaces_a_failed_job(self, refused: Refused, nodes: int) -> None:
        assert refused.retried.steps["job-fails"].operation == "replace"


REFUSED_AT_ONCE = {
    "list": (
        Resource(token="kubernetes:core/v1:ConfigMapList", properties={"items": []}),
        "cannot be created directly",
    ),
    "patch-without-name": (
        Resource(token="kubernetes:core/v1:ConfigMapPatch", properties={"apiVersion": "v1", "kind": "ConfigMap"}),
        "`.metadata.name`",
    ),
    "generated-name": (config_map({}, metadata={"generateName": "x-"}), "generateName"),
    "rejected": (service(ports=[{"port": 70000}]), "must be between 1 and 65535"),
}


@pytest.fixture(scope="module")
def spare(stacks: Stacks) -> Stack:
    return stacks("spare")


@pytest.mark.parametrize("name", REFUSED_AT_ONCE)
def test_preview_refuses(spare: Stack, name: str) -> None:
    wrong, text = REFUSED_AT_ONCE[name]
    spare.declare({name: wrong})
    run = spare.preview()
    assert run.code != 0
    assert text in run.output


def test_import(spare: Stack) -> None:
    spare.kubectl("create", "configmap", "adopted", "--from-literal=a=1")
    adopted = {"name": "adopted", "namespace": spare.namespace}
    spare.declare(
        {"adopted": config_map({"a": "1"}, options=Options(import_id=f"{spare.namespace}/adopted"), metadata=adopted)}
    )
    run = spare.up().assert_succeeded()
    assert run.steps["adopted"].operation == "import"
    spare.declare({"adopted": config_map({"a": "1"}, metadata=adopted)})
    assert spare.preview().steps["adopted"].operation == "same"


def test_what_kubectl_changed_is_refused_in_a_preview_and_overwritten_without_one(spare: Stack) -> None:
    """The providers take over what belongs to managers whose names begin with kubectl, but not in a dry run."""
    declared = resource(
        "core/v1:ServiceAccount",
        {"metadata": {"name": "patched"}, "automountServiceAccountToken": False},
        Provider.UPSERT,
    )

    def mounts() -> str:
        return spare.kubectl("get", "serviceaccount", "patched", "-o", "jsonpath={.automountServiceAccountToken}")

    spare.declare({"account": declared})
    spare.up().assert_succeeded()
    spare.kubectl("patch", "serviceaccount", "patched", "-p", '{"automountServiceAccountToken": true}')
    preview = spare.run("preview", "--refresh")
    assert preview.code != 0
    assert "conflict" in preview.output
    assert mounts() == "true"
    spare.up("--refresh").assert_succeeded()
    assert mounts() == "false"


def test_a_changed_port_of_a_created_service_is_refused_in_a_preview(spare: Stack) -> None:
    """What was created, and not applied, still owns its port in a dry run: two then have one name."""
    spare.declare({"doubled": service(ports=[{"name": "a", "port": 80}])})
    spare.up().assert_succeeded()
    spare.declare({"doubled": service(ports=[{"name": "a", "port": 81}])})
    preview = spare.preview()
    assert preview.code != 0
    assert "Duplicate value" in preview.output
    spare.up().assert_succeeded()


def test_random_values_of_the_official_provider_stay(spare: Stack) -> None:
    """Its states have fields of its own, which are no inputs."""
    password = Resource(
        token="random:index/randomPassword:RandomPassword",
        properties={"length": 16},
        provider=Provider.RANDOM,
    )
    spare.declare({"drawn": password})
    spare.up().assert_succeeded()
    exported = json.loads(spare.pulumi("stack", "export", "--show-secrets"))
    for entry in exported["deployment"]["resources"]:
        if entry["type"] == password.token:
            entry["outputs"].setdefault("__meta", '{"schema_version":"3"}')
            entry["outputs"].setdefault("__pulumi_raw_state_delta", {"obj": {"ps": {"length": {"num": {}}}}})
            entry["inputs"].setdefault("__defaults", [])
    file = spare.folder / "exported.json"
    file.write_text(json.dumps(exported))
    spare.pulumi("stack", "import", "--file", str(file))
    assert spare.preview().assert_succeeded().steps["drawn"].operation == "same"


def test_unreachable_cluster(spare: Stack) -> None:
    nowhere = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "x", "cluster": {"server": "http://127.0.0.1:9"}}],
        "contexts": [{"name": "x", "context": {"cluster": "x"}}],
        "current-context": "x",
    }
    spare.declare({"lost": config_map({"a": "1"})}, kubeconfig=json.dumps(nowhere))
    assert spare.preview().steps["lost"].operation == "create"
    run = spare.up()
    assert run.code != 0
    assert "configured Kubernetes cluster is unreachable" in run.messages["lost"]
    spare.declare({})
    spare.up().assert_succeeded()


def test_interrupt_keeps_what_exists(spare: Stack) -> None:
    """Ctrl-C ends the waiting at once; the object stays in the state, and the next deployment goes on with it."""
    never = resource(
        "core/v1:ConfigMap",
        {"metadata": {"annotations": {"pulumi.com/waitFor": "jsonpath={.data.done}"}}, "data": {"a": "1"}},
    )
    spare.declare({"never": never})
    running = subprocess.Popen(
        spare.command("up", "--yes", "--skip-preview"),
        env=spare.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    until = time.monotonic() + 120
    while not any(name.startswith("never") for name in config_maps(spare)):
        assert running.poll() is None
        assert time.monotonic() < until
        time.sleep(0.2)
    os.kill(running.pid, signal.SIGINT)
    output, _ = running.communicate(timeout=60)  # what is waited for may take ten minutes
    assert running.returncode != 0
    assert "cancelled" in output.lower()
    assert spare.resources()["never"]["initErrors"]


def test_program_error_is_shown_as_python_shows_it(spare: Stack) -> None:
    main = spare.folder / "__main__.py"
    good = main.read_text()
    main.write_text("import pulumi\n\npulumi.log.info('hello')\nraise ValueError('the field, the value and the fix')\n")
    run = spare.preview()
    main.write_text(good)
    assert run.code != 0
    assert "ValueError: the field, the value and the fix" in run.output
    assert "line 4" in run.output


def test_readiness(stacks: Stacks, nodes: int) -> None:
    """What becomes ready is waited for: the state shows it ready."""
    stack = stacks("readiness")
    stack.declare(READY)
    stack.up().assert_succeeded()
    outputs = {name: entry.get("outputs", {}) for name, entry in stack.resources().items()}
    assert outputs["deployment"]["status"]["availableReplicas"] == 2
    assert outputs["stateful"]["status"]["readyReplicas"] == 1
    assert outputs["daemon"]["status"]["numberAvailable"] == nodes
    assert outputs["job"]["status"]["succeeded"] == 1
    assert [entry["status"] for entry in outputs["pod"]["status"]["conditions"] if entry["type"] == "Ready"] == ["True"]
    assert stack.preview().assert_succeeded().steps["deployment"].operation == "same"
    stack.run("refresh", "--yes").assert_succeeded()


def test_wait_conditions_are_met_while_waiting(spare: Stack) -> None:
    """An object whose condition holds already is not waited for."""
    spare.declare(
        {
            "definition": widget_definition(),
            "simple": widget(1, annotations={"pulumi.com/waitFor": "jsonpath={.spec.size}=1"}),
        }
    )
    spare.up().assert_succeeded()
