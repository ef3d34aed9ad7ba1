"""`python -m infra adopt`: writes the stack file of a Kafka that runs already, and changes nothing in it."""

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kafka_platform.values.names import check_label

from infra.adopt.access import ADMIN_SECRET, CA_SECRET, Access, AdoptError, access_of
from infra.adopt.declaring import Declared
from infra.adopt.fitting import fit
from infra.adopt.inventory import PROGRAM, inventory_in, read
from infra.adopt.operated import COMMAND, Operated, operated_in, without
from infra.adopt.writing import files
from infra.settings.faults import SettingsError
from infra.settings.parsing import read_stack

NAMESPACE = "streaming"


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    text = "an administrator's file of client properties: address, login, certificates"
    parser.add_argument("--properties", metavar="FILE", type=Path, required=True, help=text)
    parser.add_argument("--bootstrap", metavar="SERVERS", help="host:port, several with commas; default: the file's")
    text = "the stack file to write, Pulumi.<stack>.yaml; topics that do not fit go beside it"
    parser.add_argument("--out", metavar="FILE", type=Path, required=True, help=text)
    parser.add_argument("--tenant", default="adopted", help="tenant that gets all users; default: %(default)s")
    text = f"what Kafka has, as `python3 -m {PROGRAM}` printed it where Kafka can be reached; default: it is asked"
    parser.add_argument("--inventory", metavar="FILE", type=Path, help=text)
    text = f"leave alone what Strimzi's operators manage, as `{COMMAND}` printed it"
    parser.add_argument("--strimzi", metavar="FILE", type=Path, help=text)
    parser.add_argument("--cluster", metavar="NAME", help="the Kafka in --strimzi, if there are several")
    parser.set_defaults(
        run=lambda chosen: adopt(
            chosen.properties,
            chosen.out,
            servers=chosen.bootstrap,
            inventory=chosen.inventory,
            tenant=chosen.tenant,
            strimzi=chosen.strimzi,
            cluster=chosen.cluster,
        )
    )


def adopt(
    properties: Path,
    out: Path,
    *,
    servers: str | None = None,
    inventory: Path | None = None,
    tenant: str = "adopted",
    strimzi: Path | None = None,
    cluster: str | None = None,
) -> int:
    """Writes the stack file of a Kafka.

    Args:
        properties: a client's file of properties, with an administrator's login.
        out: the stack file, `Pulumi.<stack>.yaml`; files of topics go beside it. None of them may be there.
        servers: bootstrap servers; None: those in `properties`.
        inventory: what the Kafka has, as the program of that name printed it; None: it is asked.
        tenant: the tenant that gets all users.
        strimzi: custom resources of Strimzi, whose topics and users are left alone; None: there are none.
        cluster: the Kafka among them; None: there is one alone.

    Returns:
        1 if nothing was written, otherwise 0.
    """
    try:
        if cluster is not None and strimzi is None:
            raise AdoptError(
                f"--cluster: chooses among custom resources: give --strimzi too, with what `{COMMAND}` prints"
            )
        operated = None if strimzi is None else operated_in(_text(strimzi), cluster)
        made, summary = _written(properties, out, servers, inventory, tenant, operated)
    except AdoptError as error:
        print(error, file=sys.stderr)
        return 1
    for name in made:
        print(out.parent / name)
    print(summary)
    return 0


def _written(
    properties: Path,
    out: Path,
    servers: str | None,
    inventory: Path | None,
    tenant: str,
    operated: Operated | None,
) -> tuple[Mapping[str, str], str]:
    name = out.name.removeprefix("Pulumi.").removesuffix(".yaml")
    if out.name != f"Pulumi.{name}.yaml":
        raise AdoptError(f"{out.name!r} is not the name of a stack file: write --out stacks/Pulumi.<stack>.yaml")
    try:
        check_label(tenant, "name")
    except ValueError as error:
        raise AdoptError(f"--tenant: {error}") from None
    access = access_of(properties, servers)
    found, left = read(access) if inventory is None else inventory_in(_text(inventory)), list[str]()
    if operated is not None:
        found, left = without(found, operated)
    declared = Declared(found, access, tenant)
    settings: dict[str, Any] = {"namespace": NAMESPACE, "kafka": access.section(), "topics": declared.topics}
    if declared.users:
        settings["tenants"] = {tenant: {"users": declared.users}}
    notes = [*left, *declared.notes, *fit(settings, out.parent)]
    made = files(name, settings, notes)
    for each in made:
        if (out.parent / each).exists():
            raise AdoptError(f"{out.parent / each} is there already: nothing is overwritten, name another file")
    _check(made, out.name)
    for each, text in made.items():
        (out.parent / each).write_text(text, encoding="utf-8")
    return made, _summary(settings, notes, access)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AdoptError(f"{file} cannot be read, {error}: name another file") from None


def _check(made: Mapping[str, str], stack: str) -> None:
    """Raises unless `check` takes what is to be written."""
    with tempfile.TemporaryDirectory(prefix="kafka-platform-adopt-") as folder:
        for name, text in made.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        try:
            read_stack(Path(folder) / stack)
        except SettingsError as error:
            raise AdoptError(f"what would be written has a fault: {error.faults[0]}") from None


def _summary(settings: Mapping[str, Any], notes: list[str], access: Access) -> str:
    users = sum(len(each["users"]) for each in settings.get("tenants", {}).values())
    lines = [
        f"{len(settings['topics']):,} topics and {users:,} users are declared as they are; "
        f"{len(notes):,} notes in the file say what is left alone",
        f"next: make the Secret {ADMIN_SECRET} in the namespace {NAMESPACE} with the administrator's login"
        + (f", and {CA_SECRET} with ca.crt" if access.ca_file is not None else ""),
    ]
    return os.linesep.join(lines)
