"""Broken stack files by what they are about, and the one line that each is answered with."""

from tests.unit.settings.broken import (
    cluster,
    connectors,
    files,
    gateway,
    jobs,
    logins,
    logs,
    mirrors,
    operators,
    platform,
    pods,
    probe,
    query,
    registry,
    storage,
    streams,
    strimzi,
    tenants,
    topics,
    workers,
)

PLATFORM: list[tuple[str, str]] = [
    case
    for part in (
        platform,
        pods,
        cluster,
        strimzi,
        topics,
        tenants,
        gateway,
        logins,
        probe,
        connectors,
        mirrors,
        logs,
        registry,
        storage,
        streams,
        query,
        workers,
        jobs,
        operators,
    )
    for case in part.CASES
]
"""What is written below `config: kafka-platform:platform:`."""
FILES = files.CASES
"""Whole files."""
