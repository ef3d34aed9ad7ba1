"""Operators that a stack installs, as Argo CD and Flux install Helm charts."""

from typing import Any

import pytest
import yaml
from kafka_platform.kube.manifests import Manifest

from infra.render.folder import files_of
from infra.render.objects import WAVE, all_manifests, parts
from infra.render.tools import RenderError, Tool
from infra.settings.model import Settings
from infra.settings.parsing import parse

OPERATORS: dict[str, Any] = {
    "kafka": {
        "engine": "strimzi",
        "pools": {"all": {"roles": ["controller", "broker"], "nodes": 3, "storage": "10Gi"}},
        "drainCleaner": True,
    },
    "strimzi": {"install": True},
    "certManager": {"install": True},
    "drainCleaner": {"install": True},
    "keda": {"install": True, "namespace": "scaling", "values": {"mine": 1}},
    "prometheus": {"install": True},
}


def settings(**changes: Any) -> Settings:
    return parse({"createNamespace": True, "topics": {"orders": {}}} | changes)


def manifests(tool: Tool, **changes: Any) -> dict[tuple[str, str], Manifest]:
    found = all_manifests(parts(settings(**(OPERATORS | changes)), "prod", tool))
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


RELEASES = {"strimzi", "cert-manager", "strimzi-drain-cleaner", "prometheus", "keda"}


def test_argo_cd_gets_an_application_for_each() -> None:
    found = manifests(Tool.ARGOCD)
    assert {name for kind, name in found if kind == "Application"} == RELEASES
    keda = found["Application", "keda"]
    assert keda["metadata"]["namespace"] == "argocd"
    source = keda["spec"]["source"]
    assert (source["repoURL"], source["chart"]) == ("https://kedacore.github.io/charts", "keda")
    assert source["helm"]["skipCrds"] is True
    assert source["helm"]["valuesObject"]["mine"] == 1
    assert keda["spec"]["destination"]["namespace"] == "scaling"
    # Argo CD writes registries without their scheme.
    assert found["Application", "strimzi"]["spec"]["source"]["repoURL"] == "quay.io/strimzi-helm"


def test_flux_gets_a_release_and_a_repository_for_each() -> None:
    found = manifests(Tool.FLUX)
    assert {name for kind, name in found if kind == "HelmRelease"} == RELEASES
    assert {name for kind, name in found if kind == "HelmRepository"} == RELEASES
    repository, release = found["HelmRepository", "strimzi"]["spec"], found["HelmRelease", "strimzi"]["spec"]
    assert (repository["type"], repository["url"]) == ("oci", "oci://quay.io/strimzi-helm")
    assert release["chart"]["spec"]["chart"] == "strimzi-kafka-operator"
    assert release["install"]["crds"] == release["upgrade"]["crds"] == "Skip"
    assert "type" not in found["HelmRepository", "keda"]["spec"]
    assert found["HelmRelease", "strimzi-drain-cleaner"]["spec"]["dependsOn"] == [{"name": "cert-manager"}]


@pytest.mark.parametrize("tool", [Tool.ARGOCD, Tool.FLUX])
def test_namespaces_of_operators_are_there_before_what_is_in_them(tool: Tool) -> None:
    found = manifests(tool)
    assert {"strimzi", "cert-manager", "scaling", "monitoring"} <= {name for kind, name in found if kind == "Namespace"}
    own = manifests(tool, keda={"install": True, "namespace": "scaling", "createNamespace": False})
    assert ("Namespace", "scaling") not in own


def test_definitions_are_apart_and_never_pruned() -> None:
    for tool, annotation in (
        (Tool.ARGOCD, "argocd.argoproj.io/sync-options"),
        (Tool.FLUX, "kustomize.toolkit.fluxcd.io/prune"),
    ):
        base = yaml.safe_load(files_of(parts(settings(**OPERATORS), "prod", tool))["kustomization.yaml"])
        urls = [each for each in base["resources"] if each.startswith("https://")]
        assert len(urls) == 4, "the Drain Cleaner has none"
        assert base["resources"][: len(urls)] == urls
        [patch] = base["patches"]
        assert patch["target"] == {"kind": "CustomResourceDefinition"}
        assert annotation in yaml.safe_load(patch["patch"])["metadata"]["annotations"]


def test_an_operator_is_applied_before_what_it_runs() -> None:
    found = manifests(Tool.ARGOCD)

    def wave(kind: str, name: str) -> int:
        return int(found[kind, name]["metadata"]["annotations"][WAVE])

    assert wave("Namespace", "strimzi") <= wave("Application", "strimzi") < wave("Kafka", "kafka")


def test_grafana_has_a_password_that_the_cluster_generates() -> None:
    [config] = [
        each for (kind, name), each in manifests(Tool.FLUX).items() if (kind, name) == ("ConfigMap", "kafka-secrets")
    ]
    assert '"name": "prometheus-grafana-admin"' in config["data"]["templates.json"]
    values = manifests(Tool.FLUX)["HelmRelease", "prometheus"]["spec"]["values"]
    assert values["grafana"]["admin"]["existingSecret"] == "prometheus-grafana-admin"


@pytest.mark.parametrize(
    ("tool", "changes", "message"),
    [
        (Tool.KUBECTL, {}, r"strimzi\.install: kubectl installs no Helm charts: write the folder --for argocd or flux"),
        (
            Tool.FLUX,
            {"keda": {"install": True, "source": {"chart": "https://files.example.com/keda-2.20.2.tgz"}}},
            r"keda\.source\.chart: 'https://files.example.com/keda-2.20.2.tgz' is a packed chart",
        ),
    ],
)
def test_what_a_tool_cannot_install_is_refused(tool: Tool, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RenderError, match=f"^{message}"):
        manifests(tool, **changes)


def test_a_mirror_is_taken_for_the_official_source() -> None:
    mirrored = {"install": True, "source": {"chart": "oci://registry.example.com/charts/keda", "chartVersion": "9.9.9"}}
    found = manifests(Tool.FLUX, keda=mirrored)
    assert found["HelmRepository", "keda"]["spec"]["url"] == "oci://registry.example.com/charts"
    assert found["HelmRelease", "keda"]["spec"]["chart"]["spec"]["version"] == "9.9.9"
