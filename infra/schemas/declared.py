"""The subjects that the topics of a stack declare."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

from kafka_platform.schemas.spec import Compatibility, SchemaReference, SchemaType, Subject

from infra.schemas import avro_files, json_files, protobuf_files
from infra.schemas.files import Loaded, References, SchemaFault
from infra.settings.topic import LANGUAGES, PARTS, Topic

_LANGUAGES: Mapping[SchemaType, ModuleType] = {
    SchemaType.AVRO: avro_files,
    SchemaType.JSON: json_files,
    SchemaType.PROTOBUF: protobuf_files,
}


class Declared:
    """The subjects of topics, and what is wrong with their files."""

    def __init__(self, root: Path, topics: Mapping[str, Topic], *, judged: bool = False) -> None:
        """`root` is the folder that paths are seen from, as the settings have them. Files that were `judged` before are only read."""
        self.subjects: dict[str, Subject] = {}
        self.faults: list[tuple[str, str, str]] = []
        """Topic, key or value, and message."""
        self._files: dict[str, Path] = {}
        self._judged = judged
        for name, topic in topics.items():
            for part in PARTS:
                file = getattr(topic, part)
                if file is not None:
                    try:
                        self._add(root, f"{name}-{part}", root / file, topic.compatibility)
                    except SchemaFault as fault:
                        self.faults.append((name, part, str(fault)))

    def _add(self, root: Path, subject: str, path: Path, compatibility: Compatibility | None) -> None:
        language = LANGUAGES[path.suffix]
        module = _LANGUAGES[language]
        # The settings name files of the stack file's folder alone; a schema's own are looked for below that of the file.
        loaded: Loaded = module.load(References(path.resolve().parent), path.resolve(), by=path.name)
        if not self._judged:
            module.check(loaded)
        for each in _subjects(subject, loaded):
            name, file = each
            if self._files.setdefault(name, file.path) != file.path:
                raise SchemaFault(
                    f"{file.shown}: subject {name!r} is {self._files[name].name} of another folder already: rename one"
                )
            own = compatibility if name == subject else None
            self.subjects.setdefault(
                name,
                Subject(
                    schema=file.text,
                    type=language,
                    references=[SchemaReference(name=used.name, subject=used.name) for used in file.uses],
                    compatibility=own,
                ),
            )


def _subjects(subject: str, loaded: Loaded) -> Iterable[tuple[str, Loaded]]:
    """A file by its subject, and all that it uses by the names that it has for them."""
    yield subject, loaded
    for each in loaded.everything():
        yield from ((used.name, used.file) for used in each.uses)
