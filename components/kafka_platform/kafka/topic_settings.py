"""Kafka's own settings of topics, with their types and bounds: from its definitions, by tests/topic_settings.py. No Pulumi."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from kafka_platform.values.free_maps import shown

_WHOLE = re.compile(r"[-+]?[0-9]{1,20}")
_DECIMAL = re.compile(r"[-+]?([0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20})([eE][-+]?[0-9]{1,3})?")
_REPLICA = re.compile(r"[0-9]{1,10}:[0-9]{1,10}")
_BITS = {"int": 32, "long": 64}


@dataclass(frozen=True, kw_only=True)
class TopicSetting:
    """A setting of a topic, as Kafka defines it."""

    type: str
    """Kafka's name of the type: boolean, double, int, list, long or string."""
    default: str
    least: float | None = None
    most: float | None = None
    also: float | None = None
    """A number beside the range."""
    words: tuple[str, ...] = ()
    """The words that it takes, alone or, for a list, with commas; none if it takes any."""
    replicas: bool = False
    """Whether it is a list of replicas, each as partition:broker."""

    def fault(self, text: str) -> str | None:
        """The fault of a value, and its fix."""
        value = text.strip()
        if self.type == "boolean":
            return (
                None
                if value.lower() in ("true", "false")
                else f"{shown(text)} is not true or false: write true or false"
            )
        if self.replicas:
            is_list = value in ("", "*") or all(_REPLICA.fullmatch(each.strip()) for each in value.split(","))
            return (
                None
                if is_list
                else f"{shown(text)} is not a list of replicas: write partition:broker, as in 0:1,1:2, or *"
            )
        if self.type in ("string", "list"):
            given = [each.strip() for each in value.split(",")] if self.type == "list" else [value]
            if not self.words or set(given) <= set(self.words):
                return None
            return (
                f"{shown(text)} is not known: use {'some' if self.type == 'list' else 'one'} of {', '.join(self.words)}"
            )
        whole = self.type in _BITS
        if not (_WHOLE if whole else _DECIMAL).fullmatch(value):
            return f"{shown(text)} is not a {'whole ' if whole else ''}number: write one such as {self.default}"
        number = int(value) if whole else float(value)
        least, most = self._range()
        if least <= number <= most or number == self.also:
            return None
        also = "" if self.also is None else f", or {self.also}"
        above = f"{least} to {most}" if self.most is not None else f"at least {least}"
        return f"{value} is out of range: use {above if number < least or self.most is not None else f'at most {most}'}{also}"

    def _range(self) -> tuple[float, float]:
        """The bounds, or else those of the type."""
        largest = 2 ** (_BITS[self.type] - 1) if self.type in _BITS else float("inf")
        return (
            -largest if self.least is None else self.least,
            (largest - 1 if self.type in _BITS else largest) if self.most is None else self.most,
        )


@cache
def _data() -> tuple[str, Mapping[str, TopicSetting]]:
    data = json.loads((files("kafka_platform.kafka") / "topic-settings.json").read_text(encoding="utf-8"))
    settings = {
        name: TopicSetting(**{**each, "words": tuple(each.get("words", ()))}) for name, each in data["settings"].items()
    }
    return data["kafka"], settings


def defined_by() -> str:
    """The version of Kafka whose definitions are known."""
    return _data()[0]


def topic_settings() -> Mapping[str, TopicSetting]:
    """All settings by name."""
    return _data()[1]


@lru_cache(maxsize=1024)
def _nearest(name: str) -> str | None:
    return next(iter(difflib.get_close_matches(name, sorted(topic_settings()), n=1, cutoff=0.85)), None)


def faults(config: Mapping[str, str], version: str | None = None) -> Iterator[tuple[str, str]]:
    """The invalid settings by name, each with its fault and its fix.

    Args:
        config: settings of a topic.
        version: the Kafka that the topic is for. A newer one than `defined_by`, or none, may have settings that are not known:
            only those that look like a typing error are at fault.
    """
    for name, value in config.items():
        setting = topic_settings().get(name)
        if setting is not None:
            message = setting.fault(value)
            if message is not None:
                yield name, message
            continue
        near = _nearest(name)
        if near is not None:
            yield name, f"unknown topic setting: did you mean {near!r}?"
        elif version is not None and _numbers(version) <= _numbers(defined_by()):
            yield name, f"unknown topic setting: Kafka {version} has none of this name, remove it"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.partition("-")[0].split("."))
