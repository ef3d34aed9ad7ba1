"""`python -m infra failover`: what a failover to this stack costs now, and its steps. It changes nothing."""

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from kafka_platform.connect.objects import COMPONENT as CONNECT
from kafka_platform.mirror.operated import COMPONENT as MIRROR

from infra.capabilities.mirrors import Mirror, operated
from infra.check import STACKS
from infra.failover.report import NAMES, lines, report
from infra.live.cluster import PODS, Cluster, UnreachableError
from infra.live.platform import samples
from infra.live.pods import COMPONENT_LABEL
from infra.live.text import shown, told
from infra.settings.faults import SettingsError
from infra.settings.parsing import read_stack
from infra.settings.stackfile import stack_file

KNOWN, WRONG, UNREACHABLE = 0, 2, 3
VERSION = 1
"""Of the JSON: raised if a key is removed."""
BETWEEN_SECONDS = 5.0
"""Between two looks: an idle source answers twice a second."""


def failover(
    stack: str,
    *,
    as_data: bool = False,
    folder: Path = STACKS,
    environment: Mapping[str, str] = os.environ,
) -> int:
    """Says what would be lost and what read twice if the stack took over from its mirror's source now, and the steps.

    Args:
        stack: its name, or the path of its file.
        as_data: whether JSON is printed.
        folder: of the stack files.
        environment: variables.

    Returns:
        0 if that is known; 2 if the file is wrong or has no mirror; 3 if it cannot be told.
    """
    file = stack_file(stack, folder)
    try:
        settings = read_stack(file)
        mirror = settings.of(Mirror)
        if mirror is None:
            print(f"{file.name}: mirror: missing: there is nothing to go over from", file=sys.stderr)
            return WRONG
        cluster = Cluster(settings.kubernetes, environment)
        cluster.version()
        component = MIRROR if operated(settings) else CONNECT
        pods = cluster.objects(PODS, settings.namespace, f"{COMPONENT_LABEL}={component}")
        before = samples(cluster, pods, NAMES)
        time.sleep(BETWEEN_SECONDS)
        found = report(mirror, before, samples(cluster, pods, NAMES))
    except SettingsError as error:
        print(f"{file.name}: {error.faults[0]}", file=sys.stderr)
        return WRONG
    except UnreachableError as error:
        print(f"{stack}: {told(error)}", file=sys.stderr)
        return UNREACHABLE
    if as_data:
        print(json.dumps({"version": VERSION, "stack": stack, **asdict(found), "lost": found.lost}, indent=2))
    else:
        print("\n".join(shown(line) for line in lines(found, stack)))
    return KNOWN if found.why is None else UNREACHABLE
