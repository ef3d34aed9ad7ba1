"""States of former jobs in the object store: which of them go, and which stay.

A job that has completed a checkpoint needs none of them any more: it starts with `NO_CLAIM`, so that its first checkpoint is whole.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from kafka_platform_runtime.stream_keeper.ledger import Ledger

METADATA = "/_metadata"
"""The file that a complete checkpoint or savepoint has."""
_FOLDER = re.compile(r"(?:savepoints/(?P<former>\d+)-(?P<attempt>\d+)|checkpoints/(?P<job>\d+))/")


@dataclass(kw_only=True)
class _Folder:
    """A savepoint, or all checkpoints of a job, which share files."""

    generation: int
    order: tuple[int, int]
    """A savepoint is newer than all checkpoints of its job, and one that was tried later is newer."""
    keys: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        return any(each.endswith(METADATA) for each in self.keys)


def places(ledger: Ledger) -> list[str]:
    """The states that the ledger names: what the job, or the one that may come back, would start from."""
    former = None if ledger.former is None else ledger.former.origin
    return [each for each in (ledger.origin, ledger.saved, ledger.stopping, former) if each is not None]


def to_remove(keys: Iterable[str], prefix: str, ledger: Ledger, needed: Iterable[str], kept: int) -> list[str]:
    """The keys of former states that are too many, in an order in which half of it leaves nothing that looks complete.

    Args:
        keys: all below the prefix.
        prefix: of the job; it ends in a slash. What is not a folder that the keeper has made is left alone.
        ledger: of the job. What belongs to this generation, or a higher one, is left alone.
        needed: keys of states that stay whatever their age.
        kept: how many former jobs keep their last state.
    """
    folders = _folders(keys, prefix, ledger.generation)
    last: dict[int, str] = {}
    for name, each in sorted(folders.items(), key=lambda item: item[1].order):
        if each.is_complete:
            last[each.generation] = name
    staying = {last[each] for each in sorted(last, reverse=True)[:kept]}
    named = [f"{each.rstrip('/')}/" for each in needed]
    staying |= {name for name in folders if any(each.startswith(name) for each in named)}
    gone = [key for name, each in folders.items() if name not in staying for key in each.keys]
    return sorted(gone, key=lambda key: (not key.endswith(METADATA), key))


def _folders(keys: Iterable[str], prefix: str, generation: int) -> dict[str, _Folder]:
    found: dict[str, _Folder] = {}
    for key in keys:
        match = _FOLDER.match(key[len(prefix) :]) if key.startswith(prefix) else None
        if match is None:
            continue
        number, attempt = int(match["former"] or match["job"]), match["attempt"]
        if number < generation:
            order = (0, 0) if attempt is None else (1, int(attempt))
            name = prefix + match[0]
            found.setdefault(name, _Folder(generation=number, order=order)).keys.append(key)
    return found
