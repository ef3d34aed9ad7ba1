"""`python -m infra doctor`: looks once, prints findings with their fixes, and exits with the severity of the worst."""

import json
import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.check import STACKS, is_coloured
from infra.doctor.diagnosis import Case, Diagnosis, diagnose
from infra.doctor.findings import Severity
from infra.doctor.looking import examine
from infra.live.cluster import Cluster, UnreachableError
from infra.live.platform import Platform
from infra.live.text import shown, told
from infra.settings.faults import SettingsError
from infra.settings.model import Settings
from infra.settings.parsing import read_stack
from infra.settings.stackfile import stack_file
from infra.top.look import Seen, glance, look, snapshot
from infra.top.model import Brokers

UNSEEN = 3
"""Exit code where nothing could be looked at."""
VERSION = 1
"""Of the JSON: raised if a key is removed or means something else."""
BETWEEN_SECONDS = 2.0
"""Between the two looks from which rates follow."""
_COLOURS = {Severity.FAULT: 31, Severity.WARNING: 33}


def doctor(
    stack: str, *, as_data: bool = False, folder: Path = STACKS, environment: Mapping[str, str] = os.environ
) -> int:
    """Prints what is wrong with a platform that runs.

    Returns:
        0 if nothing is; 1 for warnings, 2 for faults; 3 if it could not be looked at, for a wrong stack file too.
    """
    file = stack_file(stack, folder)
    try:
        settings = read_stack(file)
        found, _, _ = diagnosed(stack, settings, Cluster(settings.kubernetes, environment))
    except SettingsError as error:
        print(f"{file.name}: {error.faults[0]}", file=sys.stderr)
        return UNSEEN
    except UnreachableError as error:
        print(f"{stack}: {shown(error)}", file=sys.stderr)
        return UNSEEN
    print(json.dumps(as_json(stack, found), indent=2) if as_data else as_text(stack, found, coloured=is_coloured()))
    return int(found.severity)


def diagnosed(stack: str, settings: Settings, cluster: Cluster) -> tuple[Diagnosis, Seen, Brokers]:
    """What is wrong, and what was seen. Raises `UnreachableError` if not even the pods can be listed."""
    version = cluster.version()
    platform = Platform.of(stack, settings)
    before = glance(cluster, platform)
    if before.pods_why is not None and not before.pods:
        raise UnreachableError(before.pods_why)
    patient = examine(cluster, platform, settings, before.pods)
    time.sleep(BETWEEN_SECONDS)
    now = look(cluster, platform)
    seen = snapshot(platform, settings, before, now)
    case = Case(settings=settings, snapshot=seen, seen=now, patient=patient, version=version, now=datetime.now(UTC))
    return diagnose(case), now, seen.brokers


def as_json(stack: str, found: Diagnosis) -> dict[str, Any]:
    """The findings as scripts read them."""
    return {
        "version": VERSION,
        "stack": stack,
        "severity": _word(found.severity),
        "findings": [
            {
                "check": each.check,
                "severity": _word(each.severity),
                "subject": each.subject,
                "message": each.message,
                "fix": each.fix,
            }
            for each in found.findings
        ],
        "unseen": [{"what": told(each.what), "why": told(each.why)} for each in found.notes],
    }


def _word(severity: int) -> str:
    return "well" if not severity else Severity(severity).name.lower()


def as_text(stack: str, found: Diagnosis, *, coloured: bool) -> str:
    """The findings as text."""
    lines = []
    for each in found.findings:
        word = each.severity.name.lower()
        painted = f"\033[{_COLOURS[each.severity]}m{word}\033[0m" if coloured else word
        lines += [f"{painted}  {each.subject}: {each.message}", f"         {shown(each.fix)}"]
    counts = {severity: sum(each.severity is severity for each in found.findings) for severity in Severity}
    if found.findings:
        parts = [
            f"{number} {severity.name.lower()}{'' if number == 1 else 's'}"
            for severity, number in reversed(counts.items())
            if number
        ]
        lines.append(f"{stack}: {', '.join(parts)}")
    else:
        lines.append(f"{stack}: well")
    lines += [f"not seen: {told(each.what)}: {told(each.why)}" for each in found.notes]
    return "\n".join(lines)
