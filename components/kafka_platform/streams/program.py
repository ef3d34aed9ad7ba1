"""What a program in a job's own image gets, and what is asked of the image. No Pulumi."""

from collections.abc import Mapping

from kafka_platform.kafka import relay
from kafka_platform.kube.images import FLINK_IMAGE
from kafka_platform.streams.config import FLINK, HOME
from kafka_platform.streams.reading import Read, read
from kafka_platform.streams.script import PRODUCER_OPTIONS, Brokers, client_options, consumer_options
from kafka_platform.streams.spec import StreamJobSpec, stream_user_name, transactions_of
from kafka_platform.values.units import milliseconds

ARGUMENTS, CONSUMER, PRODUCER = "job.args", "consumer.properties", "producer.properties"
"""Files: how Flink runs the program, and the options of its clients."""
CHECK = f"""\
refuse() {{ echo "refused:"; echo "$1"; exit 3; }}
of_flink="base the image on {FLINK_IMAGE}"
for file in {HOME}/lib/flink-dist-{FLINK}.*.jar {HOME}/lib/flink-sql-connector-kafka-*.jar {HOME}/plugins/s3-fs-presto; do
  [ -e "$file" ] || refuse "image: it has no $file, and jobs run on Flink {FLINK}: $of_flink"
done
[ -f "$1" ] || refuse "jar: the image has no file $1: correct the path, or copy the jar to it"
said=$(java -Xmx96m -XX:+UseSerialGC -cp "{HOME}/lib/*:$1" --dry-run "$2" 2>&1) ||
  refuse "entryClass: $2 of $1 cannot be loaded: $(echo "$said" | head -n 1)"
echo "the image has Flink {FLINK} and $2"
"""
"""Looks at the image before anything changes; its arguments are the jar and the class."""


def check_kind(spec: StreamJobSpec, *, sql: str | None, has_image: bool) -> None:
    """Raises unless it is either SQL or a program; the message begins with the field."""
    if spec.jar is None:
        for name in ("entry_class", "arguments", "reads", "writes"):
            if getattr(spec, name):
                raise ValueError(f"{name}: belongs to a jar, and there is none: name it in jar, or remove it")
        if sql is None:
            raise ValueError("sql: missing: write the SQL of the job, or jar and image")
        return
    if sql is not None:
        raise ValueError("sql: jar is given too: keep one of them")
    if not has_image:
        raise ValueError(f"image: missing: write the image that has the jar, based on {FLINK_IMAGE}")
    if spec.tables:
        raise ValueError("tables: are those of SQL, and jar is given: name topics in reads and writes, or remove jar")
    if spec.entry_class is None:
        raise ValueError("entry_class: missing: write the class of the jar whose main makes the job")
    if not spec.reads and not spec.writes:
        raise ValueError("reads: missing, as is writes: name the topics that the program reads or writes")


def used(sql: str | None, spec: StreamJobSpec) -> Read:
    """The topics of a job: what its SQL says, or what is declared of its program. Raises `SqlFault`."""
    if sql is None:
        return Read(views=(), inserts=(), sources=sorted(spec.reads), sinks=sorted(spec.writes))
    return read(sql, spec.tables)


def arguments(spec: StreamJobSpec) -> str:
    """What Flink's JobManager is started with, one a line. What `main` gets follows `--`."""
    assert spec.entry_class is not None  # noqa: S101
    assert spec.jar is not None  # noqa: S101
    options = {
        "execution.checkpointing.interval": f"{milliseconds(spec.checkpoints):.0f} ms",
        "parallelism.default": str(spec.parallelism),
    }
    found = [each for key, value in options.items() for each in ("-D", f"{key}={value}")]
    found += ["--jars", f"local://{spec.jar}", "--job-classname", spec.entry_class, "--", *spec.arguments]
    return "".join(f"{each}\n" for each in found)


def clients(name: str, spec: StreamJobSpec, brokers: Brokers) -> dict[str, str]:
    """The files with the options of its clients, as Java's properties. The password is in none of them."""
    client = client_options(brokers)
    found = {}
    if spec.reads:
        found[CONSUMER] = client | consumer_options(name, spec.start)
    if spec.writes:
        found[PRODUCER] = client | PRODUCER_OPTIONS
    return {
        file: "".join(f"{key}={value}\n" for key, value in sorted(options.items())) for file, options in found.items()
    }


def variables(name: str, spec: StreamJobSpec, folder: str, *, has_registry: bool) -> Mapping[str, str]:
    """The variables of the program, by which it finds the rest."""
    found = {"STREAM_START": spec.start.value}
    if spec.reads:
        found |= {
            "KAFKA_CONSUMER_PROPERTIES": f"{folder}/{CONSUMER}",
            "KAFKA_GROUP_ID": stream_user_name(name),
            "KAFKA_READ_TOPICS": ",".join(spec.reads),
        }
    if spec.writes:
        found |= {
            "KAFKA_PRODUCER_PROPERTIES": f"{folder}/{PRODUCER}",
            "KAFKA_TRANSACTIONAL_ID_PREFIX": transactions_of(name),
            "KAFKA_WRITE_TOPICS": ",".join(spec.writes),
        }
    return found | {"SCHEMA_REGISTRY_URL": relay.URL} if has_registry else found
