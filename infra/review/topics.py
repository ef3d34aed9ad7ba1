"""What happens to topics, however they are declared."""

from collections.abc import Iterator, Mapping

from infra.reading.declarations import Topic
from infra.reading.settings import RETENTION, whole
from infra.review.declared import Declared
from infra.review.findings import Finding, Section
from infra.review.quantities import code, duration
from infra.review.settings import config_findings


def topic_findings(
    before: Declared, after: Declared, defaults: tuple[Mapping[str, str], Mapping[str, str]]
) -> Iterator[Finding]:
    """What happens to topics; `defaults` are the brokers' settings on both sides, as far as they are known."""
    renamed = _renamed(before, after)
    for key in dict.fromkeys([*after.topics, *before.topics]):
        was, is_, name = before.topics.get(key), after.topics.get(key), key[1]
        if is_ is not None and is_.adopted and not (was is not None and was.adopted):
            yield _topic(Section.DATA, name, "is taken over if it exists, and changed to what is declared", look=True)
        if was is not None and is_ is not None:
            yield from _changed_topic(name, was, is_, defaults)
        elif is_ is not None:
            yield _topic(Section.CAPACITY, name, f"new: {_shape(is_)}")
        elif was is not None:
            if was.deletable:
                yield _topic(Section.DATA, name, "removed, and its records are deleted", look=True)
            else:
                yield _topic(Section.DATA, name, "no longer declared; it stays in Kafka with its records")
            if key in renamed:
                there = "are deleted" if was.deletable else f"stay in {code(name)}"
                yield _topic(
                    Section.DATA,
                    name,
                    f"looks renamed to {code(renamed[key])}: that is a new, empty topic, and the records {there}",
                    look=True,
                )


def _renamed(before: Declared, after: Declared) -> dict[tuple[str, str], str]:
    """Topics that went, and the one new topic of the same owner that is declared just like it."""
    gone = {key: each for key, each in before.topics.items() if key not in after.topics}
    new = {key: each for key, each in after.topics.items() if key not in before.topics}
    pairs: dict[tuple[str, str], str] = {}
    for key, was in gone.items():
        alike = [other for other, is_ in new.items() if is_ == was and other[0] == key[0]]
        others = [other for other, each in gone.items() if each == was and other[0] == key[0]]
        if len(alike) == 1 and len(others) == 1:
            pairs[key] = alike[0][1]
    return pairs


def _changed_topic(
    name: str, was: Topic, is_: Topic, defaults: tuple[Mapping[str, str], Mapping[str, str]]
) -> Iterator[Finding]:
    if was.partitions != is_.partitions and was.partitions and is_.partitions:
        if is_.partitions < was.partitions:
            detail = "Kafka cannot take partitions away: this is refused, or the topic has to be made anew"
            yield _topic(Section.DATA, name, f"partitions {was.partitions} -> {is_.partitions}: {detail}", look=True)
        else:
            # The hash of a key is taken modulo the number of partitions: the old records of a key stay where they are.
            compacted = "compact" in is_.config.get("cleanup.policy", "")
            detail = "records of a key go to another partition from now on, for good"
            if compacted:
                detail += ", and the old ones of a compacted topic stay where they are"
            section = Section.DATA if compacted else Section.CAPACITY
            yield _topic(section, name, f"partitions {was.partitions} -> {is_.partitions}: {detail}", look=True)
    if was.replicas != is_.replicas and was.replicas and is_.replicas:
        fewer = is_.replicas < was.replicas
        detail = ": fewer copies of each record" if fewer else ""
        section = Section.DATA if fewer else Section.CAPACITY
        yield _topic(section, name, f"replicas {was.replicas} -> {is_.replicas}{detail}", look=fewer)
    if is_.deletable and not was.deletable:
        yield _topic(Section.DATA, name, "deletion is allowed: removing it later deletes its records", look=True)
    if was.deletable and not is_.deletable:
        yield _topic(Section.OTHER, name, "deletion is no longer allowed: removing it later keeps its records")
    yield from config_findings("topic", name, was.config, is_.config, defaults)


def _shape(topic: Topic) -> str:
    parts = [_count(topic.partitions or 1, "partition")]
    if topic.replicas is not None:
        parts.append(_count(topic.replicas, "replica"))
    retention = whole(topic.config.get(RETENTION))
    if retention is not None:
        parts.append(f"retention {duration(retention)}")
    if "cleanup.policy" in topic.config:
        parts.append(f"cleanup {topic.config['cleanup.policy']}")
    if topic.deletable:
        parts.append("removing it later deletes its records")
    return ", ".join(parts)


def _count(number_: int, what: str) -> str:
    return f"{number_:,} {what}{'' if number_ == 1 else 's'}"


def _topic(section: Section, name: str, what_happens: str, *, look: bool = False) -> Finding:
    return Finding(section=section, what="topic", subject=name, text=what_happens, look=look)
