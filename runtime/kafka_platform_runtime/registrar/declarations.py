"""What is declared, and the program's own settings."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka_platform_runtime import jobs, mounted
from kafka_platform_runtime.failures import Refused


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The program's own variables; see `__main__`."""

    url: str
    declarations: Path
    login: Path | None = None
    ca_file: str | None = None
    compatibility: str | None = None
    deadline_seconds: float = jobs.DEFAULT_DEADLINE_SECONDS

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the variables.

        Raises:
            Refused: one is missing, or is not what it has to be.
        """
        login = environment.get("REGISTRY_LOGIN_DIR")
        return cls(
            url=jobs.address(environment, "REGISTRY_URL"),
            declarations=Path(environment.get("DECLARATIONS_DIR") or "/etc/kafka-platform/schemas"),
            login=Path(login) if login else None,
            ca_file=environment.get("REGISTRY_CA_FILE") or None,
            compatibility=environment.get("REGISTRY_COMPATIBILITY") or None,
            deadline_seconds=jobs.deadline(environment),
        )


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A declared subject.

    Args:
        name: of the subject.
        type: AVRO, JSON or PROTOBUF.
        schema: its text.
        compatibility: its level.
        references: subjects of other schemas, by the names that the text has for them.
    """

    name: str
    type: str
    schema: str
    compatibility: str
    references: Mapping[str, str]

    def registration(self, versions: Mapping[str, int]) -> dict[str, Any]:
        """What the registry is sent; `versions` are those of the referenced subjects."""
        body: dict[str, Any] = {"schema": self.schema, "schemaType": self.type}
        if self.references:
            body["references"] = [
                {"name": name, "subject": subject, "version": versions[subject]}
                for name, subject in self.references.items()
            ]
        return body


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What the registry is to have, and what not.

    Args:
        subjects: each after those that it refers to.
        removed: names of subjects to delete.
    """

    subjects: Sequence[Subject]
    removed: Sequence[str] = ()


def read(folder: Path) -> Declared:
    """Read the declarations in a mounted folder.

    Raises:
        Refused: the folder cannot be read, or a declaration is invalid.
    """
    found: dict[str, Subject] = {}
    removed: list[str] = []
    try:
        for file, text in mounted.texts(folder).items():
            told = json.loads(text)
            if file == jobs.REMOVED:
                removed = [str(each) for each in told]
                continue
            references = {str(each["name"]): str(each["subject"]) for each in told.get("references", [])}
            found[told["subject"]] = Subject(
                name=told["subject"],
                type=told["type"],
                schema=told["schema"],
                compatibility=told["compatibility"],
                references=references,
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused([f"DECLARATIONS_DIR: {folder} cannot be read: {type(error).__name__} {error}"]) from error
    return Declared(subjects=list(_in_order(found)), removed=removed)


def _in_order(found: Mapping[str, Subject]) -> Iterator[Subject]:
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> Iterator[Subject]:
        if name in above:
            raise Refused([f"subject {name}: refers to itself by {' -> '.join([*above, name])}"])
        if name in done:
            return
        if name not in found:
            raise Refused([f"subject {above[-1]}: refers to subject {name!r}, which is not declared"])
        for subject in found[name].references.values():
            yield from visit(subject, (*above, name))
        done.add(name)
        yield found[name]

    for name in sorted(found):
        yield from visit(name, ())
