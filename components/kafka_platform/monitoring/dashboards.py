"""The dashboards of a platform, and the panel of each alert. No Pulumi, and nothing of Grafana."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kafka_platform.kube.boards import Board, Panel, Row, Shape
from kafka_platform.kube.metrics import Source, series, series_of_all
from kafka_platform.levels import dashboard as level_board
from kafka_platform.monitoring.alerts import CLUSTER_LABEL, Watched
from kafka_platform.monitoring.boards import brokers, capacity, groups, overview, tenants, topics


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A dashboard whose queries select by its variables."""

    board: Board
    label: str
    """Label whose values are what it shows one of, which is also its variable: `kafka_cluster`, or that of a program."""


def shown(watched: Watched, sources: Sequence[Source], *, levels: bool = False) -> list[Shown]:
    """The dashboards of a platform, the overview first.

    Args:
        watched: the Kafka cluster, with variables for its name and namespace.
        sources: other programs that expose metrics.
        levels: whether there are service levels.
    """
    promised = [Shown(board=level_board.board(), label=CLUSTER_LABEL)] if levels else []
    found = {each.board.name: each for each in (*promised, *_of_kafka(watched), *_of_sources(sources))}
    panels = [*([level_board.overview()] if levels else []), *_overview(watched, sources)]
    first = overview.board([replace(panel, shape=Shape.NUMBER) for panel in panels])
    return [_selecting(each) for each in (Shown(board=first, label=CLUSTER_LABEL), *found.values())]


def _of_kafka(watched: Watched) -> Iterator[Shown]:
    volumes = watched.volumes
    found = [
        brokers.board() if watched.nodes else None,
        topics.board(provisioned=watched.provisioned, operated=watched.renewal_days is not None)
        if watched.exporter
        else None,
        groups.board(keda=bool(watched.scaled_in), kube_state=watched.kube_state) if watched.exporter else None,
        tenants.board(watched.limited) if watched.nodes and watched.limited else None,
        None if volumes is None else capacity.board(volumes, exporter=watched.exporter),
    ]
    yield from (Shown(board=each, label=CLUSTER_LABEL) for each in found if each is not None)


def _of_sources(sources: Sequence[Source]) -> Iterator[Shown]:
    for source in sources:
        yield from (Shown(board=each, label=source.label) for each in source.boards)


def _overview(watched: Watched, sources: Sequence[Source]) -> Iterator[Panel]:
    volumes = watched.volumes
    yield from brokers.overview() if watched.nodes else ()
    yield from groups.overview() if watched.exporter else ()
    for source in {each.label: each for each in sources}.values():
        # All programs of a kind that are in the namespace.
        own = series_of_all("$namespace", source.label)
        yield from (_with(panel, own) for panel in source.overview)
    yield from () if volumes is None else capacity.overview(volumes)


def _selecting(one: Shown) -> Shown:
    own = series("$namespace", one.label, f"${one.label}")
    rows = [Row(title=row.title, panels=[_with(panel, own) for panel in row.panels]) for row in one.board.rows]
    return replace(one, board=replace(one.board, rows=rows))


def _with(panel: Panel, source: str) -> Panel:
    queries = [replace(each, expression=each.expression.replace("$source", source)) for each in panel.queries]
    return replace(panel, queries=queries)


def numbered(board: Board) -> Iterator[tuple[int, Row, Sequence[tuple[int, Panel]]]]:
    """Its rows and panels with their numbers, by which addresses name them."""
    number = 0
    for row in board.rows:
        begin = number + 1
        number = begin + len(row.panels)
        yield begin, row, [(begin + place, panel) for place, panel in enumerate(row.panels, start=1)]


def uid(namespace: str, cluster: str, name: str) -> str:
    """Identifies a dashboard in a Grafana that shows several platforms; at most 40 characters."""
    digest = hashlib.sha256(f"{namespace}/{cluster}".encode()).hexdigest()
    return f"kafka-{digest[:10]}-{name}"


def panels_of_alerts(boards: Sequence[Shown], namespace: str, cluster: str, grafana: str) -> Mapping[str, str]:
    """Addresses of the panels that show what alerts are about, by the names of the alerts."""
    found: dict[str, str] = {}
    for each in boards:
        address = f"{grafana.rstrip('/')}/d/{uid(namespace, cluster, each.board.name)}"
        for _, _, panels in numbered(each.board):
            for number, panel in panels:
                for alert in panel.alerts:
                    found.setdefault(alert, f"{address}?viewPanel={number}&var-namespace={namespace}")
    return found
