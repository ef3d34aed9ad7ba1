"""What holds for every component that installs an operator."""

from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pytest
from kafka_platform import (
    CertManager,
    CertManagerArgs,
    DrainCleaner,
    DrainCleanerArgs,
    KedaOperator,
    KedaOperatorArgs,
    PrometheusStack,
    PrometheusStackArgs,
    StrimziOperator,
    StrimziOperatorArgs,
)
from kafka_platform.operators import component as operators

from tests.unit.components.graph import Registered, run

INSTALLED: dict[str, Callable[[], pulumi.ComponentResource]] = {
    "cert-manager": lambda: CertManager("it", CertManagerArgs()),
    "the Drain Cleaner": lambda: DrainCleaner("it", DrainCleanerArgs()),
    "KEDA": lambda: KedaOperator("it", KedaOperatorArgs()),
    "Prometheus": lambda: PrometheusStack("it", PrometheusStackArgs()),
    "Strimzi": lambda: StrimziOperator("it", StrimziOperatorArgs()),
}


def sent(source: Registered, props: Mapping[str, Any]) -> Mapping[str, Any]:
    """What becomes of an object that a chart or a file has, on its way to the API server."""
    opts = pulumi.ResourceOptions(retain_on_delete=True)
    for transform in source.transforms:
        result = transform(pulumi.ResourceTransformArgs(True, "kubernetes:example.com:Example", "it", props, opts))
        if result is not None:
            assert isinstance(result, pulumi.ResourceTransformResult)
            assert result.opts is opts
            props = result.props
    return props


@pytest.mark.parametrize("install", INSTALLED.values(), ids=INSTALLED)
def test_all_that_an_operator_brings_is_sent_as_the_api_server_stores_it(
    install: Callable[[], pulumi.ComponentResource], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operators, "hooks_work", lambda: True)
    found = run(install)
    sources = [each for kind, each in found.items() if kind.startswith(("Chart ", "ConfigFile "))]
    assert sources
    schema = {"schema": {"openAPIV3Schema": {"type": "object", "properties": {}}}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "spec": {"versions": [schema]},
        "status": {},
    }
    stored = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "spec": {"versions": [{"schema": {"openAPIV3Schema": {"type": "object"}}}]},
    }
    assert [sent(each, definition) for each in sources] == [stored] * len(sources)
    assert [sent(each, stored) for each in sources] == [stored] * len(sources)


@pytest.mark.parametrize("install", INSTALLED.values(), ids=INSTALLED)
def test_mocks_of_other_repositories_which_know_no_transforms_can_make_it(
    install: Callable[[], pulumi.ComponentResource],
) -> None:
    assert not any(each.transforms for each in run(install).values())
