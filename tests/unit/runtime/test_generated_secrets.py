"""Passwords that are generated in the cluster: once, whatever happens to the runs. tests/e2e/test_render.py has a real API server."""

import base64
import copy
import dataclasses
import hashlib
import itertools
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from kafka_platform_runtime.api_server import ConflictError
from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.generated_secrets.apply import apply, converge
from kafka_platform_runtime.generated_secrets.kubernetes import Secrets, decoded
from kafka_platform_runtime.generated_secrets.templates import KEY, Taken, Template, Templates, parsed, place

ONE, OTHER = f"generated{'0' * 32}z", f"generated{'1' * 32}z"
STORE = ("streaming", "store")


def template(name: str, namespace: str = "shop", **data: str) -> Template:
    return Template(namespace=namespace, name=name, labels={"a": "b"}, annotations={}, type="Opaque", data=data)


APP = template("app-kafka", password=ONE, file=f'login user="app" password="{ONE}";\n')
ALL = template("passwords", "streaming", app=ONE, admin=OTHER)
TEMPLATES = Templates(namespace="streaming", store="store", marks=[ONE, OTHER], secrets=[APP, ALL])


class Cluster:
    """Secrets in memory, as strict about versions as the API server."""

    def __init__(self) -> None:
        self.secrets: dict[tuple[str, str], dict[str, Any]] = {}
        self.written = 0
        self.dies_after: int | None = None

    def get(self, namespace: str, name: str) -> dict[str, Any] | None:
        return copy.deepcopy(self.secrets.get((namespace, name)))

    def put(self, found: dict[str, Any] | None, secret: dict[str, Any]) -> None:
        key = (secret["metadata"]["namespace"], secret["metadata"]["name"])
        there = self.secrets.get(key)
        if (found is None) != (there is None):
            raise ConflictError("store")
        versions = {each["metadata"]["resourceVersion"] for each in (found, there) if each is not None}
        if len(versions) > 1:
            raise ConflictError("store")
        self._write(key, secret)

    def apply(self, secret: dict[str, Any]) -> None:
        self._write((secret["metadata"]["namespace"], secret["metadata"]["name"]), secret)

    def _write(self, key: tuple[str, str], secret: dict[str, Any]) -> None:
        if self.dies_after is not None and self.written >= self.dies_after:
            raise KeyboardInterrupt
        self.written += 1
        self.secrets[key] = {**secret, "metadata": {**secret["metadata"], "resourceVersion": str(self.written)}}

    def text(self, namespace: str, name: str) -> dict[str, str]:
        return decoded(self.secrets[namespace, name])


def test_a_password_is_the_same_everywhere_and_stays() -> None:
    cluster = Cluster()
    assert apply(TEMPLATES, cluster) == "2 Secrets; 2 passwords generated or taken over, 0 kept"
    app, passwords = cluster.text("shop", "app-kafka"), cluster.text("streaming", "passwords")
    assert re.fullmatch("[A-Za-z0-9]{32}", app["password"])
    assert app["file"] == f'login user="app" password="{app["password"]}";\n'
    assert passwords["app"] == app["password"] != passwords["admin"]
    before = {key: each["data"] for key, each in cluster.secrets.items()}
    assert apply(TEMPLATES, cluster) == "2 Secrets; 0 passwords generated or taken over, 2 kept"
    assert {key: each["data"] for key, each in cluster.secrets.items()} == before
    assert cluster.secrets["shop", "app-kafka"]["metadata"]["labels"] == {"a": "b"}


GIVEN = Templates(
    namespace="streaming",
    store="store",
    marks=[ONE, OTHER],
    secrets=[APP, ALL],
    given={ONE: "kafka-app", OTHER: "kafka-admin"},
    given_in="given",
)
ALICE, BOB, CAROL = "first0123456789A", "second0123456789", "third0123456789B"


class TestGiven:
    """Passwords that somebody else puts into a Secret."""

    def give(self, cluster: Cluster, **data: str) -> None:
        encoded = {key.replace("_", "-"): base64.b64encode(each.encode()).decode() for key, each in data.items()}
        cluster.secrets["streaming", "given"] = {"data": encoded, "metadata": {"name": "given", "resourceVersion": "1"}}

    def test_they_are_filled_in_as_they_are(self) -> None:
        cluster = Cluster()
        self.give(cluster, kafka_app=ALICE, kafka_admin=BOB, another="x y")
        apply(GIVEN, cluster)
        assert cluster.text("shop", "app-kafka")["password"] == ALICE
        assert cluster.text("streaming", "passwords") == {"app": ALICE, "admin": BOB}

    def test_nothing_is_made_until_all_are_there(self) -> None:
        cluster = Cluster()
        for given in ({}, {"kafka_app": ALICE}):
            self.give(cluster, **given)
            with pytest.raises(Transient, match=r"Secret streaming/given: waits for the keys .*kafka-admin"):
                apply(GIVEN, cluster)
        assert set(cluster.secrets) == {("streaming", "given")}

    @pytest.mark.parametrize(
        "wrong", ["", "short", "with spaces 0123456789", f"{ALICE}\n", 'quo"te0123456789', "x" * 129]
    )
    def test_what_a_file_would_have_to_quote_is_refused_and_not_shown(self, wrong: str) -> None:
        cluster = Cluster()
        self.give(cluster, kafka_app=ALICE, kafka_admin=wrong)
        with pytest.raises(
            Refused, match="streaming/given: kafka-admin: write 16 to 128 letters and digits"
        ) as refused:
            apply(GIVEN, cluster)
        assert not wrong or wrong not in str(refused.value)
        assert set(cluster.secrets) == {("streaming", "given")}

    def test_a_password_in_force_is_not_replaced_silently(self) -> None:
        cluster = Cluster()
        self.give(cluster, kafka_app=ALICE, kafka_admin=BOB)
        apply(GIVEN, cluster)
        self.give(cluster, kafka_app=CAROL, kafka_admin=BOB)
        with pytest.raises(Refused, match=r"kafka-app: another one is in force: .* raise passwordVersion") as refused:
            apply(GIVEN, cluster)
        assert not any(each in str(refused.value) for each in (ALICE, CAROL))
        assert cluster.text("shop", "app-kafka")["password"] == ALICE

    def test_another_version_has_another_key(self) -> None:
        cluster = Cluster()
        self.give(cluster, kafka_app=ALICE, kafka_admin=BOB)
        apply(GIVEN, cluster)
        newer = f"generated{'3' * 32}z"
        app = template("app-kafka", password=newer, file=newer)
        given = {newer: "kafka-app.2", OTHER: "kafka-admin"}
        changed = dataclasses.replace(GIVEN, marks=[newer, OTHER], secrets=[app], given=given)
        self.give(cluster, kafka_app=ALICE, kafka_admin=BOB, **{"kafka_app.2": CAROL})
        apply(changed, cluster)
        assert cluster.text("shop", "app-kafka")["password"] == CAROL

    def test_a_platform_that_generated_its_passwords_keeps_them_or_says_so(self) -> None:
        cluster = Cluster()
        apply(TEMPLATES, cluster)
        noted = cluster.text(*STORE)
        self.give(cluster, kafka_app=ALICE, kafka_admin=BOB)
        for lost in (False, True):
            if lost:
                del cluster.secrets[STORE]
            with pytest.raises(Refused, match="kafka-app: another one is in force"):
                apply(GIVEN, cluster)
        self.give(cluster, kafka_app=noted[ONE], kafka_admin=noted[OTHER])
        apply(GIVEN, cluster)
        assert cluster.text("shop", "app-kafka")["password"] == noted[ONE]


CA = f"generated{'2' * 32}z"
"""What an operator makes."""


def operated(key: str | None) -> Templates:
    other = template("other-kafka", password=OTHER, authority=f"{CA}\n")
    taken = {CA: Taken(name="ca", key=key)}
    return Templates(namespace="streaming", store="store", marks=[ONE, OTHER], secrets=[APP, other], taken=taken)


def put(cluster: Cluster, **data: str) -> None:
    encoded = {key.replace("_", "."): base64.b64encode(value.encode()).decode() for key, value in data.items()}
    cluster.secrets["streaming", "ca"] = {"data": encoded, "metadata": {"name": "ca", "resourceVersion": "1"}}


class TestOperated:
    """Of what an operator makes."""

    def test_the_others_are_made_while_it_is_not_there(self) -> None:
        cluster = Cluster()
        with pytest.raises(Transient, match="Secret streaming/ca: waits for the operator"):
            apply(operated(None), cluster)
        assert ("shop", "app-kafka") in cluster.secrets
        assert ("shop", "other-kafka") not in cluster.secrets
        noted = cluster.text(*STORE)
        put(cluster, ca_crt="NEW\n")
        apply(operated(None), cluster)
        other = cluster.text("shop", "other-kafka")
        assert other == {"authority": "NEW\n", "password": noted[OTHER]}
        assert cluster.text(*STORE) == noted, "nothing of the operator's is noted"

    def test_while_an_authority_is_replaced_there_are_two(self) -> None:
        cluster = Cluster()
        put(cluster, **{"ca-2025_crt": "OLD\n", "ca_crt": "NEW", "ca_password": "x"})
        apply(operated(None), cluster)
        assert cluster.text("shop", "other-kafka")["authority"] == "OLD\nNEW\n"
        put(cluster, ca_crt="NEW")
        apply(operated(None), cluster)
        assert cluster.text("shop", "other-kafka")["authority"] == "NEW\n"

    @pytest.mark.parametrize("data", [{}, {"user_key": ""}, {"else": "1"}])
    def test_a_secret_without_the_key_is_not_there_yet(self, data: dict[str, str]) -> None:
        cluster = Cluster()
        put(cluster, **data)
        with pytest.raises(Transient, match="streaming/ca"):
            apply(operated("user.key"), cluster)
        assert ("shop", "other-kafka") not in cluster.secrets

    def test_one_key(self) -> None:
        cluster = Cluster()
        put(cluster, user_key="key\n\n", user_crt="no")
        apply(operated("user.key"), cluster)
        assert cluster.text("shop", "other-kafka")["authority"] == "key\n"

    def test_a_hash_is_that_of_the_text_with_its_password(self) -> None:
        digest = f"generated{'3' * 32}z"
        users = template("users", "streaming", file=f"app={digest}\n")
        texts = Templates(
            namespace="streaming",
            store="store",
            marks=[ONE],
            secrets=[APP, users],
            digests={digest: f"app:realm:{ONE}"},
        )
        cluster = Cluster()
        for _ in range(2):
            apply(texts, cluster)
            password = cluster.text("shop", "app-kafka")["password"]
            expected = hashlib.sha256(f"app:realm:{password}".encode()).hexdigest()
            assert cluster.text("streaming", "users")["file"] == f"app={expected}\n"
        assert list(cluster.text(*STORE)) == [ONE]

    def test_text_of_an_operator_is_not_looked_through_for_marks(self) -> None:
        cluster = Cluster()
        put(cluster, ca_crt=ONE)
        apply(operated(None), cluster)
        assert cluster.text("shop", "other-kafka")["authority"] == f"{ONE}\n"


@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_run_that_dies_is_continued_by_the_next(written: int) -> None:
    cluster = Cluster()
    cluster.dies_after = written
    with pytest.raises(KeyboardInterrupt):
        apply(TEMPLATES, cluster)
    noted = cluster.secrets.get(STORE)
    cluster.dies_after = None
    apply(TEMPLATES, cluster)
    assert cluster.text("shop", "app-kafka")["password"] == cluster.text("streaming", "passwords")["app"]
    assert noted is None or cluster.secrets[STORE]["data"] == noted["data"]


def test_of_two_runs_at_once_one_begins_again() -> None:
    cluster = Cluster()

    class Late(Cluster):
        """Somebody else is quicker between the look and the note."""

        def put(self, found: dict[str, Any] | None, secret: dict[str, Any]) -> None:
            if not cluster.secrets:
                apply(TEMPLATES, cluster)
            self.secrets = cluster.secrets
            super().put(found, secret)

    late = Late()
    with pytest.raises(Transient, match="was changed by another run"):
        apply(TEMPLATES, late)
    before = cluster.text("shop", "app-kafka")
    apply(TEMPLATES, late)
    assert late.text("shop", "app-kafka") == before


def test_passwords_that_are_there_are_taken_over() -> None:
    cluster = Cluster()
    was = "a" * 31 + "B"
    cluster.secrets["shop", "app-kafka"] = {
        "metadata": {"resourceVersion": "7"},
        "data": {"password": base64.b64encode(was.encode()).decode()},
    }
    apply(TEMPLATES, cluster)
    assert cluster.text("streaming", "passwords")["app"] == was
    assert was in cluster.text("shop", "app-kafka")["file"]


@pytest.mark.parametrize("planted", ['x";\nadmin', "short", "a" * 33, "", "ü" * 32, "a" * 31 + "\n"])
def test_what_we_would_not_generate_is_not_taken_over(planted: str) -> None:
    """Whoever may write Secrets in a tenant's namespace writes nothing into the platform's files by that."""
    cluster = Cluster()
    cluster.secrets["shop", "app-kafka"] = {
        "metadata": {"resourceVersion": "7"},
        "data": {"password": base64.b64encode(planted.encode()).decode()},
    }
    apply(TEMPLATES, cluster)
    assert re.fullmatch("[A-Za-z0-9]{32}", cluster.text("streaming", "passwords")["app"])


def test_what_is_not_text_is_no_password() -> None:
    assert decoded({"data": {"a": "/w==", "b": "%%%", "c": base64.b64encode(b"x").decode()}}) == {"c": "x"}
    assert decoded(None) == {}


def test_another_version_is_another_password_and_the_old_one_is_forgotten() -> None:
    cluster = Cluster()
    apply(TEMPLATES, cluster)
    was = cluster.text("shop", "app-kafka")["password"]
    new = f"generated{'2' * 32}z"
    secrets = [template("app-kafka", password=new), template("passwords", "streaming", app=new, admin=OTHER)]
    # The Secret has the password of the version before, which is noted for another mark.
    assert "1 passwords" in apply(
        Templates(namespace="streaming", store="store", marks=[new, OTHER], secrets=secrets), cluster
    )
    assert cluster.text("shop", "app-kafka")["password"] != was


def text_of(*secrets: Template, marks: Sequence[str]) -> str:
    known = {"namespace": "streaming", "store": "store", "marks": marks, "secrets": [asdict(each) for each in secrets]}
    return json.dumps(known)


NEW = f"generated{'4' * 32}z"
FIRST = text_of(template("app-kafka", password=ONE), marks=[ONE])
SECOND = text_of(template("app-kafka", password=NEW), marks=[NEW])


class TestVersions:
    """The files are applied again while a run is at work."""

    def test_what_is_no_longer_needed_is_forgotten(self) -> None:
        cluster = Cluster()
        converge(lambda: FIRST, cluster)
        converge(lambda: SECOND, cluster)
        assert set(cluster.text(*STORE)) == {NEW}
        assert cluster.text("shop", "app-kafka")["password"] == cluster.text(*STORE)[NEW]

    @pytest.mark.parametrize("moment", range(7))
    def test_a_newer_version_wins_whenever_it_comes(self, moment: int) -> None:
        """At any of the first run's steps the files change, and a second run applies them from beginning to end."""
        cluster = Cluster()
        current = [FIRST]
        settled: list[str] = []

        class Interrupted(Cluster):
            """The second run comes between two steps of the first."""

            steps = 0

            def step(self) -> None:
                if self.steps == moment:
                    self.steps += 1
                    current[0] = SECOND
                    converge(lambda: SECOND, cluster)
                    settled.append(cluster.text("shop", "app-kafka")["password"])
                self.steps += 1

            def get(self, namespace: str, name: str) -> dict[str, Any] | None:
                self.step()
                return cluster.get(namespace, name)

            def put(self, found: dict[str, Any] | None, secret: dict[str, Any]) -> None:
                self.step()
                cluster.put(found, secret)

            def apply(self, secret: dict[str, Any]) -> None:
                self.step()
                cluster.apply(secret)

        first = Interrupted()

        def newest() -> str:
            first.step()
            return current[0]

        for _ in range(3):
            with suppress(Transient):
                converge(newest, first)
                break
        assert settled, "the second run came too late to matter"
        assert cluster.text("shop", "app-kafka")["password"] == settled[0] == cluster.text(*STORE)[NEW]
        converge(lambda: current[0], cluster)
        assert set(cluster.text(*STORE)) == {NEW}
        assert cluster.text("shop", "app-kafka")["password"] == settled[0]

    def test_it_ends_if_they_never_stop_changing(self) -> None:
        texts = itertools.cycle([FIRST, SECOND])
        with pytest.raises(Transient, match="change while they are applied"):
            converge(lambda: next(texts), Cluster())


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"namespace": "a", "store": "b", "marks": [], "secrets": [{}]}'])
def test_templates_that_are_not_ours_are_refused(content: str) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        parsed(content)


@pytest.mark.parametrize("text", ["", "kafka-secrets", "a/b/c", "../x", "a/B"])
def test_a_wrong_place_of_the_templates_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"TEMPLATES: .* is not a ConfigMap: write <namespace>/<name>"):
        place({"TEMPLATES": text})


def test_what_render_writes_can_be_read() -> None:
    from infra.render.objects import all_manifests, parts
    from infra.render.tools import Tool
    from infra.settings.parsing import parse

    settings = parse({"topics": {"a": {}}, "tenants": {"t": {"users": {"u": {"reads": ["a"]}}}}})
    [config] = [
        each
        for each in all_manifests(parts(settings, "dev", Tool.KUBECTL))
        if each["kind"] == "ConfigMap" and each["metadata"]["name"] == "kafka-secrets"
    ]
    found = parsed(config["data"][KEY])
    assert {each.name for each in found.secrets} >= {"u-kafka", "kafka-admin", "kafka-passwords"}
    assert json.loads(config["data"]["templates.json"])["marks"] == found.marks


def test_outside_of_a_pod_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="KUBERNETES_SERVICE_HOST: missing"):
        Secrets.in_pod({})
    with pytest.raises(Refused, match="no ServiceAccount"):
        Secrets.in_pod({"KUBERNETES_SERVICE_HOST": "::1", "KUBERNETES_SERVICE_PORT": "1"}, tmp_path)
