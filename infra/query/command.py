"""`python -m infra query`: SQL over the topics of a stack that runs, as one of its users."""

import base64
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from kafka_platform.kube.manifests import selector
from kafka_platform.kube.pods import HTTP_PORT
from kafka_platform.query.catalogs import CATALOG, SCHEMA
from kafka_platform.query.objects import COMPONENT
from kafka_platform.query.spec import QUERY_ENGINE
from kafka_platform.values.words import suggest

from infra.capabilities.query import Query
from infra.check import STACKS
from infra.connection import NoAnswerError
from infra.live.cluster import PODS, SECRETS, Cluster, UnreachableError
from infra.live.forward import Answer, forwarded
from infra.live.pods import is_ready, name as name_of
from infra.live.text import shown, told
from infra.query.showing import Format, text
from infra.query.statement import MOST_CHARACTERS, Ask, LoginError, StatementError, run
from infra.settings.faults import SettingsError
from infra.settings.model import Settings
from infra.settings.parsing import read_stack
from infra.settings.stackfile import stack_file

ANSWERED, FAILED, WRONG, UNREACHABLE = 0, 1, 2, 3
ROWS, MOST_ROWS = 1_000, 100_000
SECONDS, LEAST_SECONDS, MOST_SECONDS = 300.0, 1.0, 86_400.0


def query(
    stack: str,
    sql: str,
    *,
    user: str | None = None,
    form: Format = Format.TABLE,
    rows: int = ROWS,
    seconds: float = SECONDS,
    folder: Path = STACKS,
    environment: Mapping[str, str] = os.environ,
) -> int:
    """Runs a statement and prints its rows.

    Args:
        stack: its name.
        sql: the statement.
        user: who asks. Default: the only one who may.
        form: how rows are printed.
        rows: how many at most.
        seconds: how long it may take.
        folder: of the stack files.
        environment: variables.

    Returns:
        0 if it was answered; 1 if it was refused or failed; 2 if the file or a word is wrong; 3 if the cluster cannot be asked.
    """
    file = stack_file(stack, folder)
    try:
        settings = read_stack(file)
        who = _chosen(settings, user)
        statement = sql.strip().removesuffix(";")
        if not statement or len(statement) > MOST_CHARACTERS:
            raise ValueError(f"the statement has {len(statement):,} characters: use 1 to {MOST_CHARACTERS:,}")
        cluster = Cluster(settings.kubernetes, environment)
        cluster.version()
        ask = _asking(cluster, settings, who)
        found = run(statement, ask, most_rows=rows, seconds=seconds)
    except SettingsError as error:
        return _say(f"{file.name}: {error.faults[0]}", WRONG)
    except ValueError as error:
        return _say(f"{file.name}: {error}", WRONG)
    except (StatementError, LoginError) as error:
        return _say(shown(error), FAILED)
    except (UnreachableError, NoAnswerError) as error:
        return _say(f"{stack}: {told(error)}", UNREACHABLE)
    sys.stdout.write(text(found, form, terminal=sys.stdout.isatty()))
    if not found.complete:
        _say(f"these are the first {rows:,} rows: for more, write --rows, up to {MOST_ROWS:,}", ANSWERED)
    return ANSWERED


def _say(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code


def _chosen(settings: Settings, user: str | None) -> str:
    """Who asks. Raises `ValueError` for somebody who may not."""
    section = settings.of(Query)
    if section is None:
        raise ValueError("query: missing, so there is no engine to ask: write query: {} and deploy it")
    may = section.chosen(settings)
    if user is None:
        if len(may) != 1:
            raise ValueError(
                f"{len(may):,} users may query: say which one with --as, such as --as {next(iter(may), 'USER')}"
            )
        return next(iter(may))
    if user not in may:
        raise ValueError(f"{user!r} may not query: {suggest(user, may)}")
    return user


def _asking(cluster: Cluster, settings: Settings, user: str) -> Ask:
    """What sends requests to the engine's pod, with the user's login. The password is in nothing but this header."""
    namespace = settings.namespace
    chosen = ",".join(f"{key}={value}" for key, value in selector(QUERY_ENGINE, COMPONENT).items())
    pods = sorted((each for each in cluster.objects(PODS, namespace, chosen) if is_ready(each)), key=name_of)
    if not pods:
        raise NoAnswerError(f"no pod of the query engine is ready in namespace {namespace}: see kafka-platform doctor")
    pod = name_of(pods[0])
    login = base64.b64encode(f"{user}:{_password(cluster, settings, user)}".encode()).decode()
    headers = {
        "Authorization": f"Basic {login}",
        # As what ends TLS says it: the bytes come by the API server's connections.
        "X-Forwarded-Proto": "https",
        "X-Trino-Catalog": CATALOG,
        "X-Trino-Schema": SCHEMA,
        "X-Trino-Source": "kafka-platform",
    }

    def ask(method: str, path: str, body: bytes | None) -> Answer:
        return forwarded(cluster.connection, namespace, pod, HTTP_PORT, path, method, body, headers)

    return ask


def _password(cluster: Cluster, settings: Settings, user: str) -> str:
    declared = settings.users[user]
    namespace, secret = str(declared.namespace), str(declared.secret_of(user))
    try:
        found = cluster.connection.get(SECRETS.path(namespace, secret))
    except NoAnswerError as error:
        if error.forbidden:
            raise NoAnswerError(f"no right to get Secret {secret} in namespace {namespace}", error.status) from error
        raise
    try:
        return base64.b64decode(found["data"]["password"]).decode()
    except (TypeError, KeyError, ValueError):
        raise NoAnswerError(
            f"Secret {secret} in namespace {namespace} has no password: is the stack deployed?"
        ) from None
