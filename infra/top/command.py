"""`python -m infra top`: looks again and again at a terminal, once for scripts."""

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from infra.check import STACKS
from infra.live.cluster import Cluster, UnreachableError
from infra.live.platform import Platform
from infra.live.text import shown
from infra.settings.faults import SettingsError
from infra.settings.model import Settings
from infra.settings.parsing import read_stack
from infra.settings.stackfile import stack_file
from infra.top.look import NOTHING, Seen, glance, look, snapshot
from infra.top.model import Snapshot, as_json

DONE, WRONG_FILE, UNREACHABLE = 0, 1, 3
INTERVAL_SECONDS = 5.0
"""Pause between two looks: brokers answer a scrape within a second, and Prometheus asks every 30."""
ONCE_SECONDS = 2.0
"""Over how long `--once` measures rates."""
LEAST_INTERVAL, MOST_INTERVAL = 1.0, 3600.0


def top(
    stack: str,
    *,
    once: bool = False,
    as_data: bool = False,
    interval: float | None = None,
    folder: Path = STACKS,
    environment: Mapping[str, str] = os.environ,
) -> int:
    """Shows what a platform does.

    Args:
        stack: its name.
        once: whether it is shown once; always where the output is no terminal.
        as_data: whether JSON is printed, which the module `model` describes.
        interval: seconds between two looks.
        folder: where the stack files are.
        environment: where KUBECONFIG is looked up.

    Returns:
        0; 1 if the stack file is wrong; 3 if the cluster cannot be asked.
    """
    file = stack_file(stack, folder)
    try:
        settings = read_stack(file)
        cluster = Cluster(settings.kubernetes, environment)
        cluster.version()
    except SettingsError as error:
        print(f"{file.name}: {error.faults[0]}", file=sys.stderr)
        return WRONG_FILE
    except UnreachableError as error:
        print(f"{stack}: {shown(error)}", file=sys.stderr)
        return UNREACHABLE
    watched = _Watched(cluster, Platform.of(stack, settings), settings)
    try:
        if once or as_data or not sys.stdout.isatty():
            watched.begin()
            time.sleep(ONCE_SECONDS if interval is None else interval)
            _show(watched.look(), as_data=as_data)
        else:
            _live(watched, INTERVAL_SECONDS if interval is None else interval)
    except KeyboardInterrupt:
        pass  # how people end it
    return DONE


class _Watched:
    """A platform that is looked at again and again."""

    def __init__(self, cluster: Cluster, platform: Platform, settings: Settings) -> None:
        self._cluster = cluster
        self._platform = platform
        self._settings = settings
        self._before: Seen = NOTHING

    def begin(self) -> None:
        """Looks at what the next look measures rates against."""
        self._before = glance(self._cluster, self._platform)

    def look(self) -> Snapshot:
        """The next look, with rates since the one before."""
        now = look(self._cluster, self._platform)
        found = snapshot(self._platform, self._settings, self._before, now)
        self._before = now
        return found


def _show(found: Snapshot, *, as_data: bool) -> None:
    if as_data:
        print(json.dumps(as_json(found), indent=2))
        return
    from rich.console import Console

    from infra.top.render import render

    console = Console(highlight=False)
    console.print(render(found))


def _live(watched: _Watched, interval: float) -> None:
    # Only here: it takes a tenth of a second to load.
    from rich.console import Console
    from rich.live import Live

    from infra.top.render import render

    console = Console(highlight=False)
    with Live(console=console, screen=True, auto_refresh=False) as screen:
        while True:
            begun = time.monotonic()
            found = watched.look()
            screen.update(render(found, height=console.height), refresh=True)
            time.sleep(max(0.0, interval - (time.monotonic() - begun)))
