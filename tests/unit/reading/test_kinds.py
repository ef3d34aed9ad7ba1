"""Each kind has one record, which says of it what is so in Kubernetes."""

import gzip
import json

import pytest

from infra.reading import kinds
from infra.reading.kinds import KINDS, Declares, Kind, deletes_volumes, kind_of, volumes
from infra.review.changes import read
from infra.review.sentences import SENTENCES
from tests.reviews.cases import CASES, recording


def test_a_kind_has_only_one_record() -> None:
    assert len(KINDS) == len(kinds._RECORDS)


def test_every_kind_that_the_review_speaks_of_has_a_record() -> None:
    assert set(SENTENCES) <= set(KINDS)


@pytest.mark.parametrize("case", CASES)
def test_records_have_the_types_that_the_engine_reports(case: str) -> None:
    changes = read(json.loads(gzip.decompress(recording(case).read_bytes()))).changes
    found = {each.type for each in changes if each.kind in KINDS}
    assert "kubernetes:apps/v1:StatefulSet" in found
    assert {KINDS[type_.rpartition(":")[2]].type for type_ in found} == found


def test_a_kind_with_pods_and_an_operator_has_its_requests_in_one_place() -> None:
    assert [each.name for each in KINDS.values() if each.pods and each.requests_at] == []
    # Capacity is read from one of the two.
    assert [each.name for each in KINDS.values() if each.workload and not (each.pods or each.requests_at)] == []


def test_an_older_version_of_a_kind_has_the_same_record() -> None:
    assert kind_of("kubernetes:kafka.strimzi.io/v1beta2:KafkaTopic").declares is Declares.TOPIC


def test_of_an_unknown_kind_nothing_is_known() -> None:
    assert kind_of("kubernetes:example.com/v1:Thing") == Kind(type="kubernetes:example.com/v1:Thing")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, False),
        ({"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"}}, False),
        ({"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Delete"}}, True),
        ({"storage": {"type": "persistent-claim", "size": "1Gi"}}, False),
        ({"storage": {"type": "persistent-claim", "size": "1Gi", "deleteClaim": True}}, True),
        ({"storage": {"type": "jbod", "volumes": [{"id": 0}, {"id": 1, "deleteClaim": True}]}}, True),
        ({"storage": {"type": "jbod", "volumes": [{"id": 0, "deleteClaim": False}]}}, False),
    ],
)
def test_one_volume_that_goes_is_enough(spec: dict[str, object], expected: bool) -> None:
    assert deletes_volumes({"spec": spec}) is expected


def test_storage_of_one_volume_is_that_volume() -> None:
    assert volumes({"type": "ephemeral"}) == [{"type": "ephemeral"}]
