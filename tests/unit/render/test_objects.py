"""What is written of a stack: the objects that a deployment places, without passwords, with names and an order."""

import json
from pathlib import Path
from typing import Any

import pytest
from kafka_platform.kube.manifests import Manifest
from kafka_platform.registry.logins import REALM
from kafka_platform_runtime import jobs as programs

from infra.capabilities import rendered
from infra.capabilities.capability import Placed
from infra.render.generated import given_keys
from infra.render.objects import JOB_RETRIES, REFUSED, WAVE, all_manifests, has_marks, parts
from infra.render.passwords import MARK, Files
from infra.render.tools import Passwords, RenderError, Source, Tool
from infra.settings.model import Settings
from infra.settings.parsing import parse

BASE: dict[str, Any] = {
    "kafka": {"engine": "embedded", "nodes": 3},
    "createNamespace": True,
    "topics": {"orders": {}},
    "tenants": {"shop": {"namespace": "shop", "createNamespace": True, "users": {"app": {"writes": ["orders"]}}}},
    "gateway": {},
}


def settings(**changes: Any) -> Settings:
    return parse(BASE | changes)


def manifests(tool: Tool = Tool.KUBECTL, **changes: Any) -> list[Manifest]:
    return list(all_manifests(parts(settings(**changes), "prod", tool)))


def called(found: list[Manifest]) -> list[tuple[str, str]]:
    return [(each["kind"], each["metadata"]["name"]) for each in found]


def test_everything_that_is_placed_is_there_or_made_by_the_job() -> None:
    placed = [each.object for each in rendered(settings()) if not each.object.partial]
    names = {(each.kind, each.manifest["metadata"].get("name")) for each in placed}
    written = set(called(manifests()))
    [templates] = [
        each for each in manifests() if each["metadata"]["name"] == "kafka-secrets" and each["kind"] == "ConfigMap"
    ]
    made = {("Secret", each["name"]) for each in json.loads(templates["data"]["templates.json"])["secrets"]}
    assert {each for each in names if each[1] is not None} <= written | made
    assert made == {("Secret", name) for name in ("kafka-admin", "kafka-broker", "kafka-passwords", "app-kafka")}


def test_nothing_that_is_written_is_made_up_or_has_a_password() -> None:
    for each in manifests(storage={"install": True}, probe={}, exporter={}):
        text = json.dumps(each)
        assert "made-up" not in text
        assert not has_marks(each)
        assert each["metadata"]["name"] == "kafka-secrets" or not MARK.search(text)


STRIMZI: dict[str, Any] = {
    "kafka": {
        "engine": "strimzi",
        "pools": {"all": {"roles": ["controller", "broker"], "nodes": 3, "storage": "10Gi"}},
        "listeners": {"internal": {"certificates": True}},
    },
    "tenants": {
        "shop": {
            "namespace": "shop",
            "createNamespace": True,
            "users": {"app": {"writes": ["orders"]}, "cert": {"auth": "mtls", "reads": ["orders"]}},
        }
    },
}


def templates_of(found: list[Manifest]) -> dict[str, Any]:
    [config] = [each for each in found if (each["kind"], each["metadata"]["name"]) == ("ConfigMap", "kafka-secrets")]
    content: dict[str, Any] = json.loads(config["data"]["templates.json"])
    return content


class TestStrimzi:
    def test_what_its_operator_makes_is_taken_from_its_secrets(self) -> None:
        content = templates_of(manifests(**STRIMZI))
        taken = {(each["name"], each["key"]): mark for mark, each in content["taken"].items()}
        assert taken.keys() == {("kafka-cluster-ca-cert", None), ("cert", "user.crt"), ("cert", "user.key")}
        assert not content["taken"].keys() & set(content["marks"])
        secrets = {each["name"]: each["data"] for each in content["secrets"]}
        authority = f"{taken['kafka-cluster-ca-cert', None]}\n"
        assert secrets["app-kafka"]["ca.crt"] == secrets["cert-kafka"]["ca.crt"] == authority
        key, certificate = taken["cert", "user.key"], taken["cert", "user.crt"]
        assert secrets["cert-kafka"]["user.pem"] == f"{key}\n{certificate}\n"
        assert "made-up" not in json.dumps(manifests(**STRIMZI))

    def test_the_job_may_read_those_and_change_none(self) -> None:
        rules = {
            (each["metadata"]["namespace"], verb): set(rule.get("resourceNames", ["*"]))
            for each in manifests(**STRIMZI)
            if each["kind"] == "Role" and each["metadata"]["name"] == "kafka-secrets"
            for rule in each["rules"]
            for verb in [",".join(rule["verbs"])]
        }
        assert rules["streaming", "get"] == {"kafka-cluster-ca-cert", "cert"}
        assert ("shop", "get") not in rules
        assert not rules["streaming", "get,patch,update"] & rules["streaming", "get"]

    def test_it_looks_again_each_hour_and_only_there(self) -> None:
        [again] = [each for each in manifests(**STRIMZI) if each["kind"] == "CronJob"]
        assert again["spec"]["concurrencyPolicy"] == "Forbid"
        pod = again["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        assert pod["serviceAccountName"] == "kafka-secrets"
        assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
        assert not [each for each in manifests() if each["kind"] == "CronJob"]

    @pytest.mark.parametrize("more", [{}, {"prometheus": {}, "exporter": {}, "strimzi": {"install": True}}])
    def test_the_operator_and_the_job_which_wait_for_each_other_are_one_wave(self, more: dict[str, Any]) -> None:
        waves = {
            (
                each["kind"],
                each["metadata"]["name"].rpartition("-")[0] if each["kind"] == "Job" else each["metadata"]["name"],
            ): int(each["metadata"]["annotations"][WAVE])
            for each in manifests(Tool.ARGOCD, **STRIMZI, **more)
        }
        job = waves["Job", "kafka-secrets"]
        assert job == waves["Kafka", "kafka"] == waves["KafkaUser", "app"]
        assert waves["Role", "kafka-secrets"] < job < waves["StatefulSet", "gateway"]

    def test_what_holds_records_is_never_pruned(self) -> None:
        kept = {
            each["kind"]
            for each in manifests(Tool.FLUX, **STRIMZI)
            if each["metadata"].get("annotations", {}).get("kustomize.toolkit.fluxcd.io/prune") == "disabled"
        }
        assert {"Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser"} <= kept


def test_it_is_the_same_each_time_and_another_stack_is_another_cluster() -> None:
    def cluster_id(name: str) -> str:
        found = all_manifests(parts(settings(), name, Tool.KUBECTL))
        [config] = [each for each in found if each["metadata"]["name"] == "kafka-config"]
        return str(config["data"]["cluster-id"])

    assert json.dumps(manifests()) == json.dumps(manifests())
    assert cluster_id("prod") == cluster_id("prod") != cluster_id("test")
    assert len(cluster_id("prod")) == 22


def test_namespaces_come_first_then_secrets_and_jobs_have_names_by_their_content() -> None:
    assert [each.name for each in parts(settings(), "prod", Tool.KUBECTL)] == [
        "namespaces",
        "secrets",
        "kafka",
        "gateway",
    ]

    def jobs(**changes: Any) -> dict[str, str]:
        found = [each["metadata"]["name"] for each in manifests(**changes) if each["kind"] == "Job"]
        return {name.rpartition("-")[0]: name for name in found}

    once, again = jobs(), jobs(topics={"orders": {"retention": "1d"}})
    assert once.keys() == {"kafka-secrets", "kafka-provision"}
    assert once["kafka-secrets"] == again["kafka-secrets"]
    assert once["kafka-provision"] != again["kafka-provision"]


def test_jobs_wait_for_brokers_and_secrets() -> None:
    for job in (each for each in manifests() if each["kind"] == "Job"):
        assert job["spec"]["backoffLimit"] == JOB_RETRIES
        assert programs.REFUSED == REFUSED
        refused, evicted = job["spec"]["podFailurePolicy"]["rules"]
        assert refused == {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [3]}}
        assert evicted["action"] == "Ignore"
        assert "optional" not in json.dumps(job["spec"]["template"]["spec"]["volumes"])


def waits_for(manifest: Manifest) -> dict[str, str]:
    """The key of each Secret that its pods wait for, which is in the volume that has the passwords."""
    found: dict[str, str] = {}
    for volume in manifest["spec"]["template"]["spec"].get("volumes", []):
        keys = [each["key"] for each in volume.get("secret", {}).get("items", [])]
        for key in (each for each in keys if each.startswith("generated-")):
            assert len(keys) > 1
            found[volume["secret"]["secretName"]] = key
    return found


def test_pods_wait_for_passwords_that_are_about_to_change() -> None:
    """All is applied at once: a Job that read the former passwords would note that it had applied the new ones."""

    def rendered(version: int) -> dict[str, Any]:
        user = {"writes": ["orders"], "passwordVersion": version}
        tenants = {"shop": {"namespace": "shop", "createNamespace": True, "users": {"app": user}}}
        worker = {"image": "a:1", "tenant": "shop", "writes": ["orders"], "passwordVersion": version}
        found = manifests(tenants=tenants, workers={"copy": worker})
        named = {
            f"{each['kind']} {each['metadata']['name'].rpartition('-provision')[0] or each['metadata']['name']}": each
            for each in found
        }
        [config] = [each for each in found if called([each]) == [("ConfigMap", "kafka-secrets")]]
        templates = {each["name"]: each["data"] for each in json.loads(config["data"]["templates.json"])["secrets"]}
        return {
            "job": named["Job kafka"],
            "brokers": named["StatefulSet kafka"],
            "worker": named["Deployment copy"],
            "templates": templates,
        }

    first, second = rendered(1), rendered(2)
    for each in (first, second):
        awaited = waits_for(each["job"])
        assert set(awaited) == {"kafka-admin", "kafka-passwords"}
        assert all(key in each["templates"][name] for name, key in awaited.items())
        assert waits_for(each["brokers"]) == {}
    assert waits_for(first["job"])["kafka-passwords"] != waits_for(second["job"])["kafka-passwords"]
    assert waits_for(first["job"])["kafka-admin"] == waits_for(second["job"])["kafka-admin"]
    # Its pods cannot begin without the Secret; once it is there, they must not begin with the former password.
    assert waits_for(first["worker"]) == {}
    assert waits_for(second["worker"]).keys() == {"copy-kafka"}


def test_a_policy_without_rules_says_which_direction_it_is_about() -> None:
    found = {each["metadata"]["name"]: each["spec"] for each in manifests() if each["kind"] == "NetworkPolicy"}
    for name in ("kafka-provisioner", "kafka-secrets"):
        assert "ingress" not in found[name]
        assert found[name]["policyTypes"] == ["Ingress", "Egress"]


def test_an_autoscaler_keeps_its_number() -> None:
    [gateway] = [
        each
        for each in manifests(gateway={"pods": {"min": 2, "max": 5}})
        if called([each]) == [("StatefulSet", "gateway")]
    ]
    assert "replicas" not in gateway["spec"]


@pytest.mark.parametrize(
    ("tool", "annotation"),
    [
        (Tool.ARGOCD, ("argocd.argoproj.io/sync-options", "Prune=false,Delete=false")),
        (Tool.FLUX, ("kustomize.toolkit.fluxcd.io/prune", "disabled")),
    ],
)
def test_what_holds_data_is_never_pruned(tool: Tool, annotation: tuple[str, str]) -> None:
    for each in manifests(tool):
        found = annotation in each["metadata"].get("annotations", {}).items()
        assert found == (each["kind"] in ("StatefulSet", "Namespace")), each["metadata"]


def test_argo_applies_in_waves() -> None:
    def wave(kind: str, name: str) -> int:
        [found] = [
            each
            for each in manifests(Tool.ARGOCD)
            if each["kind"] == kind and each["metadata"]["name"].startswith(name)
        ]
        return int(found["metadata"]["annotations"][WAVE])

    order = [
        wave("Namespace", "shop"),
        wave("Job", "kafka-secrets"),
        wave("StatefulSet", "kafka"),
        wave("Job", "kafka-provision"),
        wave("StatefulSet", "gateway"),
    ]
    assert order == sorted(order)
    assert len(set(order)) == len(order)


class TestRegistry:
    def test_the_hashes_of_its_passwords_are_computed_by_the_job(self) -> None:
        content = templates_of(manifests(registry={}))
        secrets = {each["name"]: each["data"] for each in content["secrets"]}
        password = secrets["app-registry"]["password"]
        [(mark, text)] = [(mark, text) for mark, text in content["digests"].items() if text.startswith("app:")]
        assert text == f"app:{REALM}:{password}"
        assert f'users."app"={mark}' in secrets["schema-registry-users"]["users.properties"].replace("\\", "")
        assert mark not in content["marks"]
        assert password in content["marks"]

    def test_its_pods_wait_for_a_changed_password(self) -> None:
        users = {"app": {"writes": ["orders"], "passwordVersion": 2}}
        changed = manifests(registry={}, tenants={"shop": {"namespace": "shop", "users": users}})
        [pods] = [each for each in changed if called([each]) == [("Deployment", "schema-registry")]]
        [same] = [each for each in manifests(registry={}) if called([each]) == [("Deployment", "schema-registry")]]
        assert "generated-" in json.dumps(pods["spec"]["template"]["spec"]["volumes"])
        assert "generated-" not in json.dumps(same["spec"]["template"]["spec"]["volumes"])


def test_what_is_computed_from_a_password_in_another_way_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Files, "sha256", Placed.sha256)
    with pytest.raises(RenderError, match=r"^Secret schema-registry-users: is computed from a generated password"):
        manifests(registry={})


def test_every_object_says_whose_it_is_as_with_pulumi() -> None:
    found = {each["kind"]: each for each in manifests()}
    for each in found.values():
        assert each["metadata"]["annotations"]["kafka-platform/stack"] == "prod"
    [claim] = [
        claim
        for each in manifests()
        if called([each]) == [("StatefulSet", "kafka")]
        for claim in each["spec"]["volumeClaimTemplates"]
    ]
    assert claim["metadata"]["annotations"] == {"kafka-platform/stack": "prod"}


def test_marks_are_only_in_secrets() -> None:
    assert not any(has_marks(each) for each in manifests())


def test_a_job_has_rights_to_the_secrets_that_it_makes_and_to_no_other() -> None:
    roles = [each for each in manifests() if each["kind"] == "Role"]
    assert {each["metadata"]["namespace"] for each in roles} == {"streaming", "shop"}
    [shop] = [each["rules"] for each in roles if each["metadata"]["namespace"] == "shop"]
    assert shop == [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
        {
            "apiGroups": [""],
            "resourceNames": ["app-kafka"],
            "resources": ["secrets"],
            "verbs": ["get", "patch", "update"],
        },
    ]


STORE = Source(passwords=Passwords.EXTERNAL_SECRETS, store="ClusterSecretStore/vault")


def given(source: Source, **changes: Any) -> list[Manifest]:
    return list(all_manifests(parts(settings(**changes), "prod", Tool.KUBECTL, source.checked("kafka-platform/prod"))))


def test_passwords_that_are_given_have_a_key_each_and_another_for_each_version() -> None:
    users = {"app": {"writes": ["orders"], "passwordVersion": 2}, "other": {"reads": ["orders"]}}
    tenants = {"shop": {"namespace": "shop", "createNamespace": True, "users": users}}
    found = given(Source(passwords=Passwords.GIVEN), tenants=tenants)
    assert given_keys(found) == ["kafka-admin", "kafka-app.2", "kafka-broker", "kafka-other"]
    assert ("ExternalSecret", "kafka-given-passwords") not in called(found)
    [role] = [each for each in found if each["kind"] == "Role" and each["metadata"]["namespace"] == "streaming"]
    [only] = [each["verbs"] for each in role["rules"] if "kafka-given-passwords" in each.get("resourceNames", [])]
    assert only == ["get"]


def test_the_external_secret_has_all_of_them() -> None:
    found = given(STORE, storage={"install": True}, registry={})
    [external] = [each for each in found if each["kind"] == "ExternalSecret"]
    assert external["metadata"]["namespace"] == "streaming"
    assert external["spec"]["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "vault"}
    assert [each["secretKey"] for each in external["spec"]["data"]] == given_keys(found)
    assert {each["remoteRef"]["key"] for each in external["spec"]["data"]} == {"kafka-platform/prod"}
    assert len(given_keys(found)) >= 6


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (Source(store="SecretStore/vault"), "--store SecretStore/vault: is for --passwords external-secrets"),
        (Source(passwords=Passwords.GIVEN, key="a"), "--key a: is for --passwords external-secrets: leave it out"),
        (Source(passwords=Passwords.EXTERNAL_SECRETS), "--store: missing: write SecretStore/<name> or"),
        (Source(passwords=Passwords.EXTERNAL_SECRETS, store="vault"), "--store: 'vault' is no store: write"),
        (Source(passwords=Passwords.EXTERNAL_SECRETS, store="Secret/vault"), "--store: 'Secret/vault' is no store"),
    ],
)
def test_words_that_do_not_fit_are_refused_before_anything_is_written(
    source: Source, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from infra.render.command import render

    assert render("dev", tmp_path / "out", Tool.KUBECTL, None, source) == 1
    assert message in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_the_stacks_of_the_repository(tmp_path: Path) -> None:
    from infra.render.command import render

    assert render("dev", tmp_path / "dev", Tool.FLUX) == 0
    assert render("prod", tmp_path / "prod", Tool.ARGOCD) == 0
    assert render("staging", tmp_path / "staging", Tool.KUBECTL) == 0
