"""A snapshot as a terminal shows it: as wide as that is, and without anything that would move its cursor."""

from collections.abc import Iterable, Sequence

from rich.console import Group as Lines, RenderableType
from rich.table import Table
from rich.text import Text

from infra.live.scaling import WELL
from infra.live.text import count, lasting, rate, shown, size
from infra.top.model import Alerts, Brokers, Gateway, Groups, Probe, Snapshot, Streams, Topics, Workers

LONGEST_NAME = 80
"""Characters of a topic's or group's name; Kafka takes 249, and of groups any number."""
LEAST_ROWS = 3
"""Of each table, however low the terminal is."""
SLOW_SECONDS = 60.0
"""Lag in seconds from which a group is highlighted."""

_BAD, _ODD, _DIM = "bold red", "yellow", "dim"


def render(snapshot: Snapshot, *, height: int | None = None) -> RenderableType:
    """The snapshot, with at most as many rows as fit; all that it has without a height."""
    rows = None if height is None else max(LEAST_ROWS, (height - _fixed(snapshot)) // 3)
    parts: list[RenderableType] = [_head(snapshot), *_brokers(snapshot.brokers)]
    if snapshot.gateway is not None:
        parts.append(_gateway(snapshot.gateway))
    if snapshot.probe is not None:
        parts.append(_probe(snapshot.probe))
    parts += _topics(snapshot.topics, rows)
    parts += _groups(snapshot.groups, rows)
    parts += _workers(snapshot.workers, rows)
    if snapshot.streams is not None:
        parts += _streams(snapshot.streams, rows)
    parts += _alerts(snapshot.alerts, rows)
    return Lines(*parts)


def _fixed(snapshot: Snapshot) -> int:
    """Lines that are not rows of the topics, groups or workers."""
    return 13 + len(snapshot.brokers.nodes) + 3 * len(snapshot.alerts.items)


def _head(snapshot: Snapshot) -> Text:
    over = "first look, rates follow" if snapshot.seconds is None else f"rates over {snapshot.seconds:.0f} s"
    return _line((snapshot.stack, "bold"), f"namespace {snapshot.namespace}", snapshot.at, (over, _DIM))


def _line(*parts: str | tuple[str, str]) -> Text:
    """Parts with space between; nothing in them is markup."""
    line = Text(no_wrap=True, overflow="ellipsis")
    for number, each in enumerate(parts):
        text, style = (each, "") if isinstance(each, str) else each
        line.append(("   " if number else "") + shown(text), style)
    return line


def _titled(title: str, *parts: str | tuple[str, str]) -> Text:
    return _line((f"{title:<9}", "bold cyan"), *parts)


def _why(title: str, why: str) -> Text:
    return Text.assemble((f"{title:<9}   ", "bold cyan"), (shown(why), _ODD))


def _brokers(section: Brokers) -> Iterable[RenderableType]:
    of = "" if section.wanted is None else f" of {section.wanted}"
    short = section.wanted is not None and section.ready < section.wanted
    parts: list[str | tuple[str, str]] = []
    if section.nodes or section.wanted is not None:
        parts.append((f"{section.ready}{of} ready", _BAD if short else ""))
    if section.known is not None:
        parts.append(f"{section.known} in Kafka")
    parts += [f"{rate(section.bytes_in_per_second)} in", f"{rate(section.bytes_out_per_second)} out"]
    for number, what, style in (
        (section.under_replicated_partitions, "under-replicated", _ODD),
        (section.under_min_isr_partitions, "under min ISR", _BAD),
        (section.offline_partitions, "offline", _BAD),
    ):
        if number is not None:
            parts.append((f"{count(number)} {what}", style if number else ""))
    if section.active_controllers is not None and section.active_controllers != 1:
        parts.append((f"{section.active_controllers} active controllers", _BAD))
    yield _titled("brokers", *parts)
    if section.why:
        yield _why("", section.why)
    table = _table(("pod", "left"), "in", "out", "under-replicated", "restarts", ("", "left"))
    for each in section.nodes:
        state = [] if each.ready else [("not ready", _BAD)]
        state += [("active controller", _DIM)] if each.active_controller else []
        table.add_row(
            _name(each.pod),
            rate(each.bytes_in_per_second),
            rate(each.bytes_out_per_second),
            count(each.under_replicated_partitions),
            count(each.restarts),
            _line(*state),
        )
    if section.nodes:
        yield table


def _gateway(section: Gateway) -> RenderableType:
    if section.why and not section.pods:
        return _why("gateway", section.why)
    requests, failed = section.requests_per_second, section.failed_per_second
    share = 100 * failed / requests if requests and failed is not None else 0.0
    line = _titled(
        "gateway",
        (f"{section.ready} of {section.pods} ready", _BAD if section.ready < section.pods else ""),
        f"{count(requests, 1)} requests/s",
        (f"{share:.1f}% fail", _BAD if share >= 1 else ""),
        f"p99 {lasting(section.p99_seconds)}",
    )
    if section.scaler:
        line.append(f"   pods {shown(section.scaler)}", "" if section.scaler.endswith(WELL) else _BAD)
    return Lines(line, _why("", section.why)) if section.why else line


def _probe(section: Probe) -> RenderableType:
    if section.why and not section.paths:
        return _why("probe", section.why)
    parts = []
    for each in section.paths:
        late = each.oldest_unread_seconds or 0.0
        text = f"{each.write} to {each.read} p99 {lasting(each.p99_seconds)}"
        text += f", unread for {lasting(late)}" if late >= 1 else ""
        parts.append(
            (f"{text}, {each.lost:,} lost" if each.lost else text, _BAD if each.lost or late > SLOW_SECONDS else "")
        )
    # Two paths in a line: four make one that no terminal has room for.
    lines = [_titled("probe" if number == 0 else "", *parts[number : number + 2]) for number in range(0, len(parts), 2)]
    return Lines(*lines)


def _topics(section: Topics, rows: int | None) -> Iterable[RenderableType]:
    yield _titled("topics", f"{section.count:,}") if section.count else _why("topics", section.why or "there is none")
    table = _table(("topic", "left"), "in", "out", "records/s", "size", "under-replicated")
    for each in section.items[:rows]:
        lacking = each.under_replicated_partitions
        table.add_row(
            _name(each.topic),
            rate(each.bytes_in_per_second),
            rate(each.bytes_out_per_second),
            count(each.records_per_second, 1),
            size(each.size_bytes),
            Text(count(lacking), style=_ODD if lacking else ""),
        )
    yield from _rest(table, len(section.items[:rows]), section.count)


def _groups(section: Groups, rows: int | None) -> Iterable[RenderableType]:
    yield (
        _titled("groups", f"{section.count:,} groups and topics")
        if section.count
        else _why("groups", section.why or "there is none")
    )
    table = _table(("group", "left"), ("topic", "left"), "lag", "late by", "growing/s")
    for each in section.items[:rows]:
        late = (each.lag_seconds or 0.0) > SLOW_SECONDS
        table.add_row(
            _name(each.group),
            _name(each.topic),
            count(each.lag),
            Text(lasting(each.lag_seconds), style=_ODD if late else ""),
            count(each.growing_per_second, 1),
        )
    yield from _rest(table, len(section.items[:rows]), section.count)


def _workers(section: Workers, rows: int | None) -> Iterable[RenderableType]:
    if section.count or section.why:
        yield _titled("workers", f"{section.count:,}") if section.count else _why("workers", section.why or "")
    table = _table(("worker", "left"), ("namespace", "left"), "ready", "min-max", "restarts", ("scaler", "left"))
    for each in section.items[:rows]:
        bounds = "-" if each.min is None else f"{each.min}-{each.max}"
        table.add_row(
            _name(each.worker),
            _name(each.namespace),
            Text(f"{each.ready} of {each.wanted}", style=_BAD if each.ready < each.wanted else ""),
            bounds,
            count(each.restarts),
            Text(shown(each.scaler or "-"), style="" if each.scaler in (None, WELL) else _BAD),
        )
    yield from _rest(table, len(section.items[:rows]), section.count)
    if section.count and section.why:
        yield _why("", section.why)


def _streams(section: Streams, rows: int | None) -> Iterable[RenderableType]:
    yield _titled("streams", f"{section.count:,}") if section.count else _why("streams", section.why or "there is none")
    table = _table(
        ("job", "left"), ("", "left"), "pods", "restarts", "checkpoint", "failed", "state", "busy", "held back", "behind"
    )  # fmt: skip
    for each in section.items[:rows]:
        state = "?" if each.running is None else "running" if each.running else "not running"
        table.add_row(
            _name(each.job),
            Text(state, style="" if each.running else _BAD),
            Text(f"{each.ready} of {each.pods}", style=_BAD if each.ready < each.pods else ""),
            Text(count(each.restarts), style=_ODD if each.restarts else ""),
            f"{lasting(each.checkpoint_age_seconds)} ago" if each.checkpoint_age_seconds is not None else "-",
            Text(count(each.failed_checkpoints), style=_ODD if each.failed_checkpoints else ""),
            size(each.checkpoint_bytes),
            _percent(each.busy),
            _percent(each.held_back),
            lasting(each.watermark_seconds),
        )
    yield from _rest(table, len(section.items[:rows]), section.count)
    if section.count and section.why:
        yield _why("", section.why)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _alerts(section: Alerts, rows: int | None) -> Iterable[RenderableType]:
    if not section.count:
        yield _why("alerts", section.why) if section.why else _titled("alerts", ("none", "green"))
        return
    yield _titled("alerts", f"{section.count:,}")
    for each in section.items[:rows]:
        style = (_BAD if each.severity == "critical" else _ODD) if each.state == "firing" else _DIM
        since = f"since {(each.since or '?').partition('.')[0]}"
        whom = f"told {', '.join(each.receivers)}" if each.receivers else ""
        yield _line((f"  {each.alert}", style), each.state, each.severity, since, *filter(None, [whom]))
        for text in filter(None, [each.summary, each.runbook]):
            yield _line((f"    {text}", _DIM))
    if section.count > len(section.items[:rows]):
        yield _more(section.count - len(section.items[:rows]))
    if section.why:
        yield _why("", section.why)


def _table(*columns: str | tuple[str, str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style=_DIM, padding=(0, 2, 0, 0))
    for number, each in enumerate(columns):
        title, side = (each, "right") if isinstance(each, str) else each
        table.add_column(
            ("  " if number == 0 else "") + title,
            justify="left" if side == "left" else "right",
            no_wrap=True,
            overflow="ellipsis",
        )
    return table


def _name(text: str) -> Text:
    return Text("  " + shown(text, LONGEST_NAME))


def _rest(table: Table, rows: int, total: int) -> Sequence[RenderableType]:
    if not rows:
        return []
    return [table] if rows == total else [table, _more(total - rows)]


def _more(number: int) -> Text:
    return Text(f"  {number:,} more: --once --json has them", style=_DIM)
