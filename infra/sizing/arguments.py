"""The arguments of `python -m infra size`."""

import argparse
import math
from collections.abc import Callable

from kafka_platform.values.units import bytes_per_second, cores, milliseconds, quantity, seconds, size_bytes

from infra.sizing.command import Format, kept_for, size
from infra.sizing.formulas import Demand, Machine

MOST = 10**9
"""Records a second."""


def add(parser: argparse.ArgumentParser) -> None:
    """Adds them, and what runs."""
    load = parser.add_argument_group("the load")
    add_one = load.add_argument
    add_one("--records", type=_number(0.001), required=True, metavar="N", help="records a second, on average")
    add_one("--size", type=_checked(_positive_size), default="1kB", help="bytes of a record; default: %(default)s")
    add_one("--peak", type=_number(1, 1000), default=3, metavar="N", help="highest load, as a multiple; default: 3")
    add_one("--retention", type=_checked(milliseconds), default="7d", help="default: %(default)s")
    add_one("--replicas", type=_whole(1, 10), default=3, metavar="N", help="copies; default: 3")
    add_one("--readers", type=_whole(0, 1000), default=1, metavar="N", help="groups that read it all; default: 1")
    add_one(
        "--per-pod", type=_number(0.001), metavar="N", help="records a second that a reader's pod handles: measure it"
    )
    add_one(
        "--delay", type=_checked(_ending), default="10s", help="that a record may wait for a pod; default: %(default)s"
    )
    add_one("--partitions", type=_whole(1, 10_000), metavar="N", help="default: as few as it needs")
    http = parser.add_argument_group("through the gateway, of those records a second")
    http.add_argument("--single", type=_number(0), default=0, metavar="N", help="written one by one; default: 0")
    http.add_argument("--batched", type=_number(0), default=0, metavar="N", help="written in batches; default: 0")
    http.add_argument("--streamed", type=_number(0), default=0, metavar="N", help="streamed to readers; default: 0")
    broker = parser.add_argument_group("what a broker has")
    broker.add_argument("--broker-cores", type=_checked(cores), default="4", help="default: %(default)s")
    broker.add_argument("--broker-disk", type=_checked(_disk), default="1Ti", help="default: %(default)s")
    broker.add_argument(
        "--broker-network", type=_checked(bytes_per_second), default="125MB/s", help="default: %(default)s"
    )
    parser.add_argument(
        "--format", choices=[each.value for each in Format], default=Format.TABLE.value, help="default: %(default)s"
    )
    parser.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> int:
    demand = Demand(
        records=chosen.records,
        size=size_bytes(chosen.size),
        peak=chosen.peak,
        retention=kept_for(chosen.retention),
        replicas=chosen.replicas,
        readers=chosen.readers,
        per_pod=chosen.per_pod,
        delay=float(seconds(chosen.delay)),
        single=chosen.single,
        batched=chosen.batched,
        streamed=chosen.streamed,
    )
    machine = Machine(
        cores=float(cores(chosen.broker_cores)),
        disk=int(quantity(chosen.broker_disk)),
        network=bytes_per_second(chosen.broker_network),
    )
    texts = {"size": chosen.size, "retention": chosen.retention, "delay": chosen.delay}
    return size(demand, machine, chosen.partitions, texts, Format(chosen.format))


def _checked(check: Callable[[str], object]) -> Callable[[str], str]:
    """What reads a text that `check` accepts."""

    def read(text: str) -> str:
        try:
            check(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        return text

    return read


def _positive_size(text: str) -> None:
    if size_bytes(text) < 1:
        raise ValueError(f"{text!r} is not the size of a record: write one such as 1kB")


def _disk(text: str) -> None:
    if quantity(text) < 2**30:
        raise ValueError(f"{text!r} is less than one segment of a log: use at least 1Gi")


def _ending(text: str) -> None:
    if milliseconds(text) < 0:
        raise ValueError(f"{text!r} is not a delay: write one such as 10s")


def _number(least: float, most: float = MOST) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least:g} to {most:,.15g}")
        return int(value) if value.is_integer() else value

    return read


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text[:12]) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most:,}")
        return int(text)

    return read
