"""The command `kafka-platform`, and `python -m infra`, which is the same."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

try:
    import argcomplete

    from infra import delivery
    from infra.adopt import command as adopting
    from infra.affected import AffectedError, affected, changed_files, stack_files
    from infra.catalogue import write as write_catalogue
    from infra.check import STACKS, check, write_schema
    from infra.connectors import arguments as moving
    from infra.dashboards import write as write_dashboards
    from infra.doctor.command import doctor
    from infra.drill import command as drilling
    from infra.drill.victims import Kill, Words
    from infra.failover.command import failover
    from infra.graph.command import Form, show as show_graph
    from infra.graph.flow import Way
    from infra.probe import probe
    from infra.query import arguments as asking
    from infra.render.command import render
    from infra.render.tools import Passwords, Source, Tool
    from infra.review import command as reviewing
    from infra.review.report import MOST_CHARACTERS
    from infra.settings.stackfile import stack_names
    from infra.sizing import arguments as sizing
    from infra.top import command as watching
except ModuleNotFoundError as error:
    raise SystemExit(
        f"{error.name} is not installed for {sys.executable}: `make demo` sets everything up, and "
        '`eval "$(python3 -m sandbox env)"` puts it on the PATH'
    ) from None

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; the result is the exit code (2: it was called wrongly)."""
    made = parser()
    argcomplete.autocomplete(made)
    chosen = made.parse_args(arguments)
    code: int = chosen.run(chosen)
    return code


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = argparse.ArgumentParser(
        prog="kafka-platform",
        description="What can be said about stacks without an engine; all but `check --cluster`, `probe`, `top`, `doctor`, `connectors`, `failover`, `query` and `drill` without a Kubernetes cluster too.",
        epilog='Tab completion: eval "$(register-python-argcomplete kafka-platform)"',
    )
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    for add in (
        _check,
        _schema,
        _review,
        _graph,
        _size,
        _catalogue,
        _adopt,
        _dashboards,
        _render,
        _probe,
        _top,
        _doctor,
        _connectors,
        _failover,
        _query,
        _drill,
        _affected,
        _ci,
    ):
        add(commands)
    return made


def _command(commands: Commands, name: str, summary: str, examples: str, **more: Any) -> argparse.ArgumentParser:
    """A command, with examples at the end of its help."""
    shown = "\n".join(f"  kafka-platform {name} {each}".rstrip() for each in examples.split("\n"))
    epilog = "\n\n".join(filter(None, [more.get("epilog"), f"examples:\n{shown}"]))
    formatter = argparse.RawDescriptionHelpFormatter
    return commands.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", epilog=epilog, formatter_class=formatter
    )


def _stack(parser: argparse.ArgumentParser, name: str = "stack", **more: Any) -> None:
    """An argument with the name of a stack, which can be completed."""
    argument = parser.add_argument(name, metavar="STACK", **more)
    argument.completer = lambda **_: stack_names(STACKS)  # type: ignore[attr-defined]


def _check(commands: Commands) -> None:
    examples = "\nprod\nprod --cluster\nstacks/Pulumi.prod.yaml"
    parser = _command(commands, "check", "find what is wrong with stack files", examples)
    _stack(parser, "stacks", nargs="*", help="names of stacks, or paths of their files; default: all stacks")
    parser.add_argument("--all", action="store_true", help="all stacks")
    parser.add_argument("--cluster", action="store_true", help="ask the Kubernetes cluster too, as a preview does")

    def run(chosen: argparse.Namespace) -> int:
        if chosen.all and chosen.stacks:
            parser.error("name stacks or say --all, not both")
        return check(chosen.stacks, asks_cluster=chosen.cluster)

    parser.set_defaults(run=run)


def _schema(commands: Commands) -> None:
    parser = _command(
        commands, "schema", "write stacks/schema.json, the keys in docs/stack-file.md and docs/versions.md", "\n--check"
    )
    parser.add_argument("--check", action="store_true", help="write nothing, exit with 1 if they are out of date")
    parser.set_defaults(run=lambda chosen: write_schema(only_check=chosen.check))


def _review(commands: Commands) -> None:
    parser = _command(
        commands,
        "review",
        "say what a change means, as Markdown: data at risk, access, capacity, the rest",
        "prod\nprod --against main\nprod --expect-no-changes",
        epilog="exit codes: 0 nothing needs a second look; 3 something does; 4 something changes and\n"
        "--expect-no-changes was given; 1 the preview failed; 2 wrong usage",
    )
    _stack(parser)
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--against", metavar="REF", help="compare with a git ref, without engine, cluster and deployed state"
    )
    source.add_argument(
        "--preview", metavar="FILE", type=Path, help="what `pulumi preview --json` printed; - is standard input"
    )
    parser.add_argument(
        "--limit", type=int, default=MOST_CHARACTERS, help="bytes that the review may have; default: %(default)s"
    )
    parser.add_argument("--expect-no-changes", action="store_true", help="exit with 4 if anything would change")
    parser.set_defaults(
        run=lambda chosen: reviewing.run(
            chosen.stack,
            against=chosen.against,
            preview=chosen.preview,
            limit=chosen.limit,
            expect_no_changes=chosen.expect_no_changes,
        )
    )


def _graph(commands: Commands) -> None:
    summary = "show where the data of a stack comes from and goes to, as a Mermaid diagram"
    examples = "prod\nprod --topic orders --downstream\nprod --svg > prod.svg\nprod --tenant payments --json"
    parser = _command(commands, "graph", summary, examples)
    _stack(parser)
    parser.add_argument("--topic", help="only what its records are made of, and what is made of them")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--upstream", action="store_true", help="of --topic, only what its records are made of")
    only.add_argument("--downstream", action="store_true", help="of --topic, only what is made of them")
    parser.add_argument("--tenant", help="only what its programs read and write")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--svg", action="store_true", help="print a picture as SVG")
    form.add_argument("--json", action="store_true", help="print JSON: docs/operations.md names its keys")

    def run(chosen: argparse.Namespace) -> int:
        ways = [way for way in Way if getattr(chosen, way.value)]
        if ways and chosen.topic is None:
            parser.error(f"--{ways[0].value} is a way from a topic: add --topic")
        form = Form.SVG if chosen.svg else Form.JSON if chosen.json else Form.MERMAID
        return show_graph(chosen.stack, topic=chosen.topic, ways=ways or list(Way), tenant=chosen.tenant, form=form)

    parser.set_defaults(run=run)


def _size(commands: Commands) -> None:
    examples = "--records 5000 --peak 3 --retention 7d --per-pod 200\n--records 5000 --batched 5000 --format yaml"
    sizing.add(_command(commands, "size", "say how many partitions, brokers and pods a load needs", examples))


def _catalogue(commands: Commands) -> None:
    summary = "describe the topics of a stack as Markdown: owner, schema, who reads and writes"
    parser = _command(commands, "catalogue", summary, "prod\nprod --out topics.md")
    _stack(parser)
    parser.add_argument("--out", metavar="FILE", type=Path, help="file to write; default: print it")
    parser.set_defaults(run=lambda chosen: write_catalogue(chosen.stack, chosen.out))


def _adopt(commands: Commands) -> None:
    summary = "write the stack file of a Kafka that runs already, and change nothing in it"
    examples = "--properties admin.properties --out stacks/Pulumi.prod.yaml"
    adopting.add(_command(commands, "adopt", summary, examples))


def _dashboards(commands: Commands) -> None:
    summary = "write the Grafana dashboards of a stack as files"
    parser = _command(commands, "dashboards", summary, "prod --to dashboards")
    _stack(parser, help="name of a stack with prometheus: in its file, or the file's path")
    parser.add_argument("--to", metavar="FOLDER", type=Path, required=True, help="where they are put")
    parser.set_defaults(run=lambda chosen: write_dashboards(chosen.stack, chosen.to))


def _render(commands: Commands) -> None:
    summary = "write a stack as plain files, for kubectl, Argo CD and Flux"
    parser = _command(commands, "render", summary, "dev --out rendered/dev\ndev --out rendered/dev --for argocd")
    _stack(parser, help="name of a stack, or its file's path")
    parser.add_argument(
        "--out", metavar="FOLDER", type=Path, required=True, help="an empty folder, or one that this command wrote"
    )
    parser.add_argument(
        "--for",
        dest="tool",
        choices=[each.value for each in Tool],
        default=Tool.KUBECTL.value,
        help="what applies them; default: %(default)s",
    )
    parser.add_argument(
        "--owner",
        metavar="OWNER",
        help="whose the objects are, by their annotation kafka-platform/stack; default: files/kafka-platform/STACK",
    )
    parser.add_argument(
        "--passwords",
        choices=[each.value for each in Passwords],
        default=Passwords.GENERATED.value,
        help="generated in the cluster, given in a Secret, or copied into it by that operator; default: %(default)s",
    )
    parser.add_argument(
        "--store", metavar="KIND/NAME", help="with external-secrets: the store, such as ClusterSecretStore/vault"
    )
    parser.add_argument("--key", help="with external-secrets: the secret in the store; default: kafka-platform/STACK")

    def run(chosen: argparse.Namespace) -> int:
        source = Source(passwords=Passwords(chosen.passwords), store=chosen.store, key=chosen.key)
        return render(chosen.stack, chosen.out, Tool(chosen.tool), chosen.owner, source)

    parser.set_defaults(run=run)


def _probe(commands: Commands) -> None:
    summary = "send records through a platform that runs, and say how long they took"
    parser = _command(commands, "probe", summary, "ci")
    _stack(parser, help="name of a stack with probe: in its file")
    parser.set_defaults(run=lambda chosen: probe(chosen.stack))


def _top(commands: Commands) -> None:
    parser = _command(
        commands,
        "top",
        "show what a platform does: brokers, topics by traffic, groups by lag, gateway, workers, alerts",
        "prod\nprod --interval 30\nprod --once --json",
        epilog="exit codes: 0 shown; 1 the stack file is wrong; 3 the cluster cannot be asked; 2 wrong usage",
    )
    _stack(parser)
    parser.add_argument("--once", action="store_true", help="show it once; always where the output is no terminal")
    parser.add_argument("--json", action="store_true", help="print JSON, once: docs/operations.md names its keys")
    parser.add_argument(
        "--interval",
        type=_seconds(watching.LEAST_INTERVAL, watching.MOST_INTERVAL),
        metavar="SECONDS",
        help=f"between two looks; default: {watching.INTERVAL_SECONDS:g}, with --once {watching.ONCE_SECONDS:g}",
    )
    parser.set_defaults(
        run=lambda chosen: watching.top(chosen.stack, once=chosen.once, as_data=chosen.json, interval=chosen.interval)
    )


def _doctor(commands: Commands) -> None:
    parser = _command(
        commands,
        "doctor",
        "say what is wrong with a platform that runs, and how to mend it",
        "prod\nprod --json",
        epilog="exit codes: 0 well; 1 warnings; 2 faults (or wrong usage); 3 it could not be looked at",
    )
    _stack(parser)
    parser.add_argument("--json", action="store_true", help="print JSON: docs/operations.md names its keys")
    parser.set_defaults(run=lambda chosen: doctor(chosen.stack, as_data=chosen.json))


def _connectors(commands: Commands) -> None:
    moving.add_arguments(_command(commands, "connectors", moving.SUMMARY, moving.EXAMPLES, epilog=moving.CODES), _stack)


def _failover(commands: Commands) -> None:
    parser = _command(
        commands,
        "failover",
        "say what would be lost and what read twice if a stack took over from the Kafka that it mirrors, and the steps",
        "second\nsecond --json",
        epilog="exit codes: 0 it is known; 2 wrong stack file or usage; 3 it cannot be told, or not all",
    )
    _stack(parser, help="name of a stack with mirror: in its file")
    parser.add_argument("--json", action="store_true", help="print JSON: docs/disaster-recovery.md names its keys")
    parser.set_defaults(run=lambda chosen: failover(chosen.stack, as_data=chosen.json))


def _query(commands: Commands) -> None:
    parser = _command(commands, "query", asking.SUMMARY, asking.EXAMPLES, epilog=asking.CODES)
    _stack(parser, help="name of a stack with query: in its file")
    asking.add_arguments(parser)


def _drill(commands: Commands) -> None:
    parser = _command(
        commands,
        "drill",
        "kill one thing of a platform while records flow, and say what that did to them",
        "staging --kill broker\nstaging --kill node --within 900\nstaging --kill worker --name fraud-check --json",
        epilog="exit codes: 0 nothing was lost and all is as before; 1 not so; 2 it was refused (or wrong usage);\n"
        "3 it could not be watched; 130 it was interrupted, and what it changed is restored",
    )
    _stack(parser)
    parser.add_argument("--kill", required=True, choices=[each.value for each in Kill], help="what dies")
    parser.add_argument("--name", help="a pod, a worker or a machine; default: the last of its kind")
    parser.add_argument(
        "--within",
        type=_seconds(drilling.LEAST_WITHIN, drilling.MOST_WITHIN),
        default=drilling.WITHIN_SECONDS,
        metavar="SECONDS",
        help="how long the platform may take to recover; default: %(default)g",
    )
    parser.add_argument("--accept-outage", action="store_true", help="even if nobody can write until it is back")
    parser.add_argument("--production", metavar="STACK", help="the name of the stack again, if it is for production")
    parser.add_argument("--json", action="store_true", help="print JSON: docs/operations.md names its keys")

    def run(chosen: argparse.Namespace) -> int:
        words = Words(
            kill=Kill(chosen.kill),
            name=chosen.name,
            production=chosen.production,
            accept_outage=chosen.accept_outage,
        )
        return drilling.drill(chosen.stack, words, within=chosen.within, as_data=chosen.json)

    parser.set_defaults(run=run)


def _seconds(least: float, most: float) -> Callable[[str], float]:
    """What reads a number of seconds within bounds."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from {least:g} to {most:g}")
        return value

    return read


def _affected(commands: Commands) -> None:
    summary = "print the stacks that the commits since a git ref concern, as JSON"
    parser = _command(commands, "affected", summary, "--base origin/main")
    parser.add_argument("--base", metavar="REF", help="the git ref; default: none, all stacks")

    def run(chosen: argparse.Namespace) -> int:
        try:
            stacks = stack_files()
            # GitHub writes zeros for what was before the first push of a branch.
            everything = chosen.base is None or not chosen.base.strip("0")
            print(json.dumps(sorted(stacks) if everything else affected(changed_files(chosen.base), stacks)))
        except AffectedError as error:
            print(error, file=sys.stderr)
            return 1
        return 0

    parser.set_defaults(run=run)


def _ci(commands: Commands) -> None:
    examples = "review prod --base origin/main\napply prod\ndrift prod"
    parser = _command(commands, "ci", "what CI does with one stack: docs/ci.md", examples)
    parser.add_argument("action", choices=["review", "apply", "drift"])
    _stack(parser)
    parser.add_argument("--base", metavar="REF", help="review: the git ref that the change will be merged to")
    parser.add_argument(
        "--out", metavar="FOLDER", type=Path, default=Path("reviews"), help="review: default %(default)s"
    )

    def run(chosen: argparse.Namespace) -> int:
        if chosen.action == "review":
            if chosen.base is None:
                parser.error("review: --base is missing: name the git ref that the change will be merged to")
            return delivery.review(chosen.stack, chosen.base, chosen.out)
        return delivery.apply(chosen.stack) if chosen.action == "apply" else delivery.drift(chosen.stack)

    parser.set_defaults(run=run)


if __name__ == "__main__":
    sys.exit(main())
