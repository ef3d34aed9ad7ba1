"""The registrar with a registry that fails between its requests, as one that is being restarted."""

from pathlib import Path
from typing import Any, cast

import pytest
from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.registrar.apply import Levels, apply
from kafka_platform_runtime.registrar.client import Registry
from kafka_platform_runtime.registrar.declarations import Declared, Settings, Subject

SETTINGS = Settings(url="http://registry", declarations=Path("/nowhere"))


class Restarting:
    """Has an incompatible version of each subject. Fails once after the levels were set."""

    def __init__(self, level: str | None) -> None:
        self.levels: Levels = {"orders-value": level}
        self.fails = True

    def level(self, subject: str) -> str | None:
        return self.levels[subject]

    def set_level(self, subject: str, level: str) -> None:
        self.levels[subject] = level

    def unset_level(self, subject: str) -> None:
        self.levels[subject] = None

    def version(self, *_: object) -> int | None:
        if self.fails:
            self.fails = False
            raise Transient("the registry does not answer")
        return None

    def versions(self, *_: object) -> int:
        return 1

    def compatible(self, *_: object) -> bool:
        return False

    def register(self, *_: Any) -> str:
        return "a field is missing"


@pytest.mark.parametrize("level", [None, "FULL"])
def test_a_change_that_is_refused_at_the_second_try_leaves_the_level_as_it_was(level: str | None) -> None:
    wanted = Subject(name="orders-value", type="AVRO", schema="{}", compatibility="BACKWARD", references={})
    registry, former = Restarting(level), Levels()
    for expected in (Transient, Refused):
        with pytest.raises(expected):
            apply(cast(Registry, registry), Declared(subjects=[wanted]), SETTINGS, former)
    assert registry.levels == {"orders-value": level}
