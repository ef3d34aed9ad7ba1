"""The dashboard of tenants: what each uses, how near its users are to their quotas, and who is held back. No Pulumi."""

from collections.abc import Collection

from kafka_platform.kube.boards import Board, Panel, Query, Row, Unit
from kafka_platform.monitoring.tenants import Use

_MOST = 15
"""Users that a panel shows: more lines cannot be told apart."""
_TITLES = {Use.PRODUCE: "writes", Use.FETCH: "reads", Use.REQUEST: "request threads"}


def board(limited: Collection[Use]) -> Board:
    """Its dashboard; `limited` is what quotas limit, of one user at least."""
    return Board(name="tenants", title="Kafka tenants", rows=[_use(), _quotas(limited), _held_back(limited)])


def _use() -> Row:
    def by_tenant(use: Use, title: str, description: str, unit: Unit, factor: str = "") -> Panel:
        query = Query(expression=f"max by (tenant) ({use.by_tenant}{{$source}}){factor}", legend="{{tenant}}")
        return Panel(title=title, description=description, queries=[query], unit=unit)

    return Row(
        title="Use by tenant",
        panels=[
            by_tenant(
                Use.PRODUCE, "Bytes written", "Bytes a second that its users write, all brokers.", Unit.BYTES_PER_SECOND
            ),
            by_tenant(
                Use.FETCH, "Bytes read", "Bytes a second that its users read, all brokers.", Unit.BYTES_PER_SECOND
            ),
            by_tenant(
                Use.REQUEST,
                "Request threads",
                "Threads that its requests keep busy, all brokers. 100% is one whole thread.",
                Unit.SHARE,
                " / 100",
            ),
        ],
    )


def _quotas(limited: Collection[Use]) -> Row:
    return Row(
        title="Use of quotas by user",
        panels=[
            Panel(
                title=f"Used quota of {_TITLES[use]}",
                description="Share of the quota that a user uses, on the broker where that is highest: Kafka enforces quotas on each "
                f"broker. At 100% it holds the user back. The {_MOST} largest.",
                queries=[
                    Query(
                        expression=f"topk({_MOST}, max by (tenant, user) ({use.of_quota}{{$source}}))",
                        legend="{{tenant}}: {{user}}",
                    )
                ],
                unit=Unit.SHARE,
                bad_from=1,
            )
            for use in Use
            if use in limited
        ],
    )


def _held_back(limited: Collection[Use]) -> Row:
    return Row(
        title="Who is held back",
        panels=[
            Panel(
                title=f"Delay by the quota of {_TITLES[use]}",
                description="By how much Kafka delays each answer to a user that is over its quota. No data: nobody is. "
                f"The {_MOST} largest, users of the platform itself included.",
                queries=[
                    Query(
                        expression=f"topk({_MOST}, max by (user) ({use.throttle}{{$source}}) > 0)",
                        legend="{{user}}",
                    )
                ],
                unit=Unit.MILLISECONDS,
            )
            for use in Use
            if use in limited
        ],
    )
