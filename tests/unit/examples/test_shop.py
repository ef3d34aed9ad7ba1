"""The shop of examples/: what its service says of changes, and that its stack file and its commands fit together."""

import json
import re
from typing import Any

import pytest
import yaml

from examples.shop.notices import notices
from tests.documented import ROOT, lines_to_type

SHOP = ROOT / "examples" / "shop"


def change(op: str, amount: float | None) -> bytes:
    row = None if amount is None else {"id": 7, "customer": 3, "amount": amount}
    return json.dumps({"schema": {}, "payload": {"op": op, "after": row}}).encode()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (change("c", 250), {"order": 7, "customer": 3, "amount": 250}),
        (change("c", 100), {"order": 7, "customer": 3, "amount": 100}),
        (change("c", 99.99), None),
        # Rows of the snapshot, changed ones, deleted ones and tombstones are no new orders.
        (change("r", 250), None),
        (change("u", 250), None),
        (change("d", None), None),
        (None, None),
    ],
)
def test_a_notice_is_of_a_new_order_that_is_large_enough(value: bytes | None, expected: dict[str, Any] | None) -> None:
    assert notices.notice(value, 100) == expected


def platform() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((SHOP / "stack.yaml").read_text())["config"]["kafka-platform:platform"]
    return found


def test_the_stack_is_the_dev_stack_and_more() -> None:
    dev = yaml.safe_load((ROOT / "stacks" / "Pulumi.dev.yaml").read_text())["config"]["kafka-platform:platform"]
    for key in ("namespace", "kafka", "gateway"):
        assert platform()[key] == dev[key]
    for key in ("topics", "tenants"):
        assert dev[key].items() <= platform()[key].items()


def test_its_images_are_made_by_the_tutorial() -> None:
    objects = list(yaml.safe_load_all((SHOP / "databases.yaml").read_text()))
    pods = [each["spec"]["template"]["spec"] for each in objects if each["kind"] == "Deployment"]
    used = {container["image"] for pod in pods for container in pod["containers"]}
    used |= {worker["image"] for worker in platform()["workers"].values()}
    told = "\n".join(lines_to_type("docs/shop.md", "2. The images"))
    [programs] = re.findall(r"for program in ([a-z ]+);", told)
    assert used == {f"shop-{each}:1" for each in programs.split()}
    assert {f"shop-{each.name}:1" for each in SHOP.iterdir() if (each / "Dockerfile").exists()} == used


def test_the_page_shows_the_connectors_of_the_stack() -> None:
    [shown] = re.findall(r"```yaml\n(    connectors:.*?)```", (ROOT / "docs" / "shop.md").read_text(), re.DOTALL)
    declared = {
        name: {k: v for k, v in each.items() if k != "tenant"} for name, each in platform()["connectors"].items()
    }
    assert yaml.safe_load(shown)["connectors"] == declared
