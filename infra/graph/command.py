"""`python -m infra graph`: where the data of a stack comes from and goes to."""

import json
import sys
from collections.abc import Collection
from enum import Enum
from pathlib import Path

from kafka_platform.values.words import suggest

from infra.check import STACKS, file_of
from infra.graph import mermaid, svg
from infra.graph.flow import Graph, Way, graph_of
from infra.settings.faults import SettingsError
from infra.settings.parsing import read_stack

VERSION = 1
"""Of the JSON: raised if a key is removed."""


class Form(Enum):
    """How the graph is printed."""

    MERMAID = "mermaid"
    SVG = "svg"
    JSON = "json"


def data(graph: Graph, stack: str) -> str:
    """The graph as JSON."""
    programs = [
        {
            "user": user,
            "kind": each.kind,
            "name": each.name,
            "tenant": each.tenant,
            "writes": [arrow.topic for arrow in graph.by_user[user] if arrow.writes],
            "reads": [arrow.topic for arrow in graph.by_user[user] if not arrow.writes],
            "takesFrom": list(each.places) if each.is_source else [],
            "bringsTo": [] if each.is_source else list(each.places),
        }
        for user, each in sorted(graph.programs.items())
    ]
    return json.dumps({"version": VERSION, "stack": stack, "programs": programs}, indent=2)


def show(
    stack: str,
    *,
    topic: str | None,
    ways: Collection[Way],
    tenant: str | None,
    form: Form,
    folder: Path = STACKS,
) -> int:
    """Prints where the data of a stack goes.

    Returns:
        1 if the stack's file is wrong, has no such topic or tenant, or more arrows than can be drawn; otherwise 0.
    """
    file = file_of(stack, folder)
    try:
        settings = read_stack(file)
    except SettingsError as error:
        print(f"{file.name}: {error.faults[0]}", file=sys.stderr)
        return 1
    graph = graph_of(settings)
    if tenant is not None:
        if tenant not in settings.tenants:
            print(f"{tenant!r} is not a tenant of {file.name}: {suggest(tenant, settings.tenants)}", file=sys.stderr)
            return 1
        graph = graph.of_tenant(tenant)
    if topic is not None:
        known = {each.topic for each in graph.arrows} | settings.topics.keys()
        if topic not in known:
            print(f"{topic!r} is not a topic of {file.name}: {suggest(topic, known)}", file=sys.stderr)
            return 1
        graph = graph.around(topic, ways)
    if form is Form.JSON:
        print(data(graph, stack))
        return 0
    drawn = {Form.MERMAID: (mermaid.MOST_ARROWS, "Mermaid draws"), Form.SVG: (svg.MOST_ARROWS, "one picture shows")}
    most, what = drawn[form]
    if len(graph.arrows) > most:
        print(f"{len(graph.arrows):,} arrows are more than {what}: choose --topic or --tenant", file=sys.stderr)
        if form is Form.SVG:
            return 1
    print(mermaid.mermaid(graph) if form is Form.MERMAID else svg.svg(graph))
    return 0
