"""What programs get wrong, in every field of every public class: one line that names the field, the value and the fix."""

import dataclasses
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

import kafka_platform
import pulumi
import pytest
from kafka_platform import (
    Acl,
    Cleanup,
    Engine,
    KafkaClusterArgs,
    KafkaConnection,
    KafkaResourcesArgs,
    Operation,
    Scale,
    SecurityProtocol,
    StreamWorkerArgs,
    Topic,
    User,
)
from kafka_platform.values.forms import Spec
from kafka_platform.values.words import Deciding

from tests.many import for_each

CLASSES = {
    each.__name__: each
    for each in (getattr(kafka_platform, name) for name in dir(kafka_platform))
    if dataclasses.is_dataclass(each) and isinstance(each, type)
}
"""All that people declare in a program, found by what is public."""


@dataclasses.dataclass(frozen=True)
class Field:
    """A field of a public class, as its annotation says."""

    of: type
    name: str
    kind: Any
    """Its type without None and Output."""
    is_optional: bool
    is_input: bool
    is_needed: bool

    def __str__(self) -> str:
        return f"{self.of.__name__}.{self.name}"


def parts(hint: Any) -> tuple[Any, bool, bool]:
    """The plain type of an annotation, whether it may be None, and whether it may be an Output."""
    if typing.get_origin(hint) is typing.Annotated:
        return parts(typing.get_args(hint)[0])[0], False, True
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return hint, False, False
    first, *others = (each for each in typing.get_args(hint) if each is not types.NoneType)
    kind, _, is_input = parts(first)
    return kind, types.NoneType in typing.get_args(hint), is_input or bool(others)


def fields_of(kind: type) -> Iterator[Field]:
    hints = {each.name: each.type for each in dataclasses.fields(kind)}
    for each in dataclasses.fields(kind):
        plain, is_optional, is_input = parts(hints[each.name])
        needed = each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
        yield Field(kind, each.name, plain, is_optional, is_input, needed)


FIELDS = [each for kind in CLASSES.values() for each in fields_of(kind)]


def sample(kind: Any) -> Any:
    """A value of the right kind, whatever else may be wrong with it."""
    origin = typing.get_origin(kind)
    if origin is Sequence:
        return ()
    if origin is Mapping:
        return {}
    if issubclass(kind, Enum):
        return next(iter(kind))
    known: dict[Any, Any] = {str: "x", int: 3, float: 3.0, bool: True}
    return known[kind] if kind in known else object.__new__(kind)


def make(field: Field, value: Any) -> Any:
    """An object of the class with that value, and with values of the right kind where they are needed."""
    needed = {each.name: sample(each.kind) for each in fields_of(field.of) if each.is_needed}
    return field.of(**needed | {field.name: value})


def made(field: Field, value: Any) -> Any:
    """The object's value of the field; or the fault of another field, for which a sample is no good."""
    try:
        return getattr(make(field, value), field.name)
    except ValueError as fault:
        return str(fault)


WRONG: dict[Any, list[Any]] = {
    bool: ["yes", 1, [], object()],
    str: [30, 0.5, True, ["a"], {"a": "b"}, object()],
    int: ["3", "many", True, 1.5, [3], object()],
    float: ["3", "many", True, [3.0], object()],
    Enum: ["no-such-word", 7, [], object()],
    Sequence: ["orders", 5, {"orders"}, {"orders": 1}, object()],
    Mapping: ["orders", 5, ["orders"], {1: "x"}, object()],
    object: ["orders", 5, ["orders"], {"no_such_key": 1}, object()],
}
"""Values that are of another kind, by the kind of the field; `object` stands for nested classes."""


def wrong(field: Field) -> list[Any]:
    kind = typing.get_origin(field.kind) or field.kind
    if kind is Any:
        return []
    values = next(given for of, given in WRONG.items() if kind is of or issubclass(kind, of))
    outputs = [] if field.is_input else [pulumi.Output.from_input("x")]
    return values + outputs + ([] if field.is_optional else [None])


FIX = re.compile(r": .*(write |use |did you mean |put it in quotes)")


@for_each("field", FIELDS, str)
def test_a_value_of_another_kind_gets_one_line_with_the_field_and_the_fix(field: Field) -> None:
    for value in wrong(field):
        with pytest.raises(ValueError, match=rf"^{field.name}[:.\[]") as refused:
            make(field, value)
        message = str(refused.value)
        assert "\n" not in message, message
        assert FIX.search(message), message


@for_each("field", FIELDS, str)
def test_what_is_in_a_list_or_a_mapping_is_looked_at_too(field: Field) -> None:
    origin, inner = typing.get_origin(field.kind), typing.get_args(field.kind)
    if origin not in (Sequence, Mapping) or inner[-1] is Any:
        return
    value, place = object(), ".key" if origin is Mapping else "[0]"
    with pytest.raises(ValueError, match=rf"^{field.name}{re.escape(place)}: .*(write|use) "):
        make(field, {"key": value} if origin is Mapping else [value])


@for_each("field", [each for each in FIELDS if isinstance(each.kind, type) and issubclass(each.kind, Enum)], str)
def test_a_word_becomes_its_enum_and_an_unknown_one_is_never_guessed_where_it_decides(field: Field) -> None:
    for member in field.kind:
        taken = made(field, member.value)
        assert taken is member or "is not known" not in taken
        with pytest.raises(ValueError, match=rf"^{field.name}: .* is not known: ") as refused:
            make(field, f"{member.value}x")
        assert ("did you mean" in str(refused.value)) == (not issubclass(field.kind, Deciding)), str(refused.value)


@for_each("field", [each for each in FIELDS if each.is_input], str)
def test_an_output_is_taken_and_not_looked_at(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    value = pulumi.Output.from_input("x")
    with monkeypatch.context() as patched:
        patched.setattr(field.of, "check", lambda self: None)
        taken = made(field, value)
    assert taken is value or not taken.startswith(f"{field.name}:")


LATE = re.compile(
    r"(.*_)?(namespaces?|secrets?|secret_files|class|image|url|server|servers|certificate|authority|prometheus|annotations)"
)
"""What a program often knows only when it runs: the names and addresses of what it makes itself."""
DECIDES = {
    "Surge.namespace": "names a Role in it",
    "CustomAuthentication.secrets": "names volumes of the brokers",
    "HttpSink.url": "decides where the network policy lets the connector go",
    "PollSource.url": "decides where the network policy lets the connector go",
    "SearchSink.url": "decides where the network policy lets the connector go",
    "JdbcSink.url": "decides where the network policy lets Kafka Connect go",
    "IcebergCatalog.url": "decides where the network policy lets Kafka Connect go",
    "QueryDatabase.url": "decides where the network policy lets the query engine go",
    "LogCollectorArgs.namespaces": "names topics and pipelines",
    "LogCollectorSpec.namespaces": "names topics and pipelines",
    "MirrorSource.bootstrap_servers": "decides where the network policy lets the mirror go",
    "Plugin.connector_class": "is a class of Java",
    "StreamJobArgs.entry_class": "is a class of Java",
    "WebhookReceiver.url": "decides where the network policy lets Alertmanager go",
    "Scale.prometheus": "is a query",
}


@for_each("field", [each for each in FIELDS if LATE.fullmatch(each.name) and each.kind is not bool], str)
def test_fields_of_one_meaning_take_outputs_alike(field: Field) -> None:
    kind = typing.get_args(field.kind)[-1] if typing.get_origin(field.kind) in (Sequence, Mapping) else field.kind
    is_input = field.is_input or parts(kind)[2]
    is_text = parts(kind)[0] is str
    assert (is_text and is_input) != (str(field) in DECIDES), "annotate it with Input[str]"


@for_each("name", CLASSES)
def test_unknown_and_missing_keys_are_told_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=r"^no_such_key: unknown key: (did you mean|use )"):
        CLASSES[name](**{"no_such_key": 1})
    needed = [each for each in fields_of(CLASSES[name]) if each.is_needed]
    for each in needed[1:]:
        given = {other.name: sample(other.kind) for other in needed if other is not each}
        with pytest.raises(ValueError, match=f"^{each.name}: missing: write a value for it$"):
            CLASSES[name](**given)


CONNECTION = KafkaConnection(
    cluster="events", namespace="streaming", bootstrap_servers="b:9092", security_protocol="SASL_SSL", admin_secret="admin", replicas=3
)  # fmt: skip
EXAMPLES: dict[str, tuple[Callable[[], Any], str]] = {
    "a word for a list": (lambda: User(writes=typing.cast(Any, "orders")), "writes: 'orders' is not a list: write ['orders']"),
    "a list of a worker": (
        lambda: StreamWorkerArgs(connection=CONNECTION, image="a:1", reads=typing.cast(Any, "orders")),
        "reads: 'orders' is not a list: write ['orders']",
    ),
    "an engine with a typing error": (
        lambda: KafkaClusterArgs(namespace="streaming", engine=typing.cast(Any, "embeded")),
        "engine: 'embeded' is not known: did you mean 'embedded'?",
    ),
    "an engine without its args": (
        lambda: KafkaClusterArgs(namespace="streaming", engine=typing.cast(Any, "strimzi")),
        "strimzi: missing: say what its nodes are, as in StrimziKafka(pools=...)",
    ),
    "a cleanup with a typing error": (
        lambda: Topic(cleanup=typing.cast(Any, "compacted")),
        "cleanup: 'compacted' is not known: use one of delete, compact, compact,delete",
    ),
    "a typing error in a key": (
        lambda: Topic(**typing.cast(Any, {"partition": 3})), "partition: unknown key: did you mean 'partitions'?",
    ),
    "a number for a duration": (lambda: Topic(retention=typing.cast(Any, 30)), "retention: 30 is a bare number: write a duration such as 7d"),
    "Kafka's own for ever": (
        lambda: Topic(retention=typing.cast(Any, -1)), "retention: -1 is a bare number: write forever, which is Kafka's -1",
    ),
    "a number for a size": (
        lambda: KafkaClusterArgs(namespace="streaming", storage=typing.cast(Any, 20)),
        "storage: 20 is a bare number: write a quantity such as 10Gi",
    ),
    "a typing error in a nested mapping": (
        lambda: KafkaResourcesArgs(connection=CONNECTION, topics=typing.cast(Any, {"orders.eu": {"partition": 3}})),
        "topics.'orders.eu'.partition: unknown key: did you mean 'partitions'?",
    ),
    "a wrong value in a nested mapping": (
        lambda: KafkaResourcesArgs(connection=CONNECTION, users=typing.cast(Any, {"app": {"acls": [{"resource": "topic", "name": "x", "operations": ["REED"]}]}})),
        "users.app.acls[0].operations[0]: 'REED' is not known: use one of READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, CLUSTER_ACTION, "
        "DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE, ALL",
    ),
    "what is missing in a nested mapping": (
        lambda: KafkaResourcesArgs(connection=CONNECTION, users=typing.cast(Any, {"app": {"acls": [{"name": "x", "operations": ["READ"]}]}})),
        "users.app.acls[0].resource: missing: write a value for it",
    ),
    "the cluster for its connection": (
        lambda: KafkaResourcesArgs(connection=typing.cast(Any, types.SimpleNamespace(connection=CONNECTION))),
        "connection: an object of the class SimpleNamespace is not a KafkaConnection: write its connection",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", EXAMPLES)
def test_a_program_is_told_what_a_stack_file_is_told(case: str) -> None:
    declare, message = EXAMPLES[case]
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        declare()


def test_words_and_mappings_are_taken_for_what_they_mean() -> None:
    given: Any = {
        "orders": {"partitions": 24, "cleanup": "compact", "config": {"segment.ms": 60000, "preallocate": True}},
        "events": Topic(cleanup=typing.cast(Any, "delete,compact")),
    }
    args = KafkaResourcesArgs(connection=CONNECTION, topics=given)
    assert args.topics == {
        "orders": Topic(partitions=24, cleanup=Cleanup.COMPACT, config={"segment.ms": "60000", "preallocate": "true"}),
        "events": Topic(cleanup=Cleanup.COMPACT_DELETE),
    }
    assert Acl(resource=typing.cast(Any, "topic"), name="x", operations=typing.cast(Any, ["READ"])).operations == (
        Operation.READ,
    )
    assert KafkaClusterArgs(namespace="streaming", engine=typing.cast(Any, "embedded")).engine is Engine.EMBEDDED
    worker = StreamWorkerArgs(
        connection=CONNECTION, image="a:1", reads=["orders"], scale=typing.cast(Any, {"lag_threshold": 5, "max": 3})
    )
    assert worker.scale == Scale(lag_threshold=5, max=3)
    assert dataclasses.replace(CONNECTION, security_protocol=typing.cast(Any, SecurityProtocol.SASL_SSL)) == CONNECTION


def test_what_is_right_stays_the_same_object() -> None:
    topics, writes = {"orders": Topic()}, ["orders"]
    assert KafkaResourcesArgs(connection=CONNECTION, topics=topics).topics is topics
    assert User(writes=writes).writes is writes


def test_there_are_classes_and_fields_to_look_at() -> None:
    assert len(CLASSES) > 50
    assert all(issubclass(each, Spec) for each in CLASSES.values()), "what is no Spec is not read"
    assert {kind for each in FIELDS for kind in WRONG if each.kind is kind} >= {str, int, float, bool}
