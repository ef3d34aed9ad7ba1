"""Tries one thing as the user in /etc/kafka-client and prints what Kafka answered: `ok` or the error's name.

python3 access.py [--password TEXT] produce TOPIC | consume TOPIC GROUP | commit TOPIC GROUP | create TOPIC | topics
"""

import sys
from pathlib import Path

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

CREDENTIALS = Path("/etc/kafka-client")
SECONDS = 8


def main() -> None:
    arguments = sys.argv[1:]
    values = {path.name: path.read_text().strip() for path in CREDENTIALS.iterdir() if path.is_file()}
    if arguments[0] == "--password":
        values["password"] = arguments[1]
        arguments = arguments[2:]
    errors: list[str] = []
    connection = {
        "bootstrap.servers": values["bootstrap-servers"],
        "security.protocol": values["security-protocol"],
        "socket.timeout.ms": 10_000,
        "error_cb": lambda error: errors.append(error.name()) if error.code() == KafkaError._AUTHENTICATION else None,
    }
    if "password" in values:
        connection |= {
            "sasl.mechanism": values["sasl-mechanism"],
            "sasl.username": values["username"],
            "sasl.password": values["password"],
        }
    # The authority to trust, and the certificate to log in with, where there are such.
    files = {"ca.crt": "ssl.ca.location", "user.crt": "ssl.certificate.location", "user.key": "ssl.key.location"}
    connection |= {setting: str(CREDENTIALS / name) for name, setting in files.items() if name in values}
    action, *rest = arguments
    try:
        result = {"produce": produce, "consume": consume, "commit": commit, "create": create, "topics": topics}[action](
            connection, *rest
        )
    except KafkaException as exception:
        result = exception.args[0].name()
    print(errors[0] if errors and result != "ok" else result)


def produce(connection: dict, topic: str) -> str:
    results: list[str] = []
    producer = Producer(connection | {"message.timeout.ms": SECONDS * 1000, "acks": "all"})
    producer.produce(topic, b"1", on_delivery=lambda error, _: results.append("ok" if error is None else error.name()))
    producer.flush(SECONDS + 5)
    return results[0] if results else "no answer"


def consume(connection: dict, topic: str, group: str) -> str:
    consumer = Consumer(connection | {"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False})
    consumer.subscribe([topic])
    try:
        message = consumer.poll(SECONDS)
        if message is None:
            return "nothing"
        error = message.error()
        return "ok" if error is None else error.name()
    finally:
        consumer.close()


def commit(connection: dict, topic: str, group: str) -> str:
    admin = AdminClient(connection)
    offsets = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 0)])
    answered = admin.alter_consumer_group_offsets([offsets])[group].result(SECONDS)
    error = answered.topic_partitions[0].error
    return "ok" if error is None else error.name()


def create(connection: dict, topic: str) -> str:
    admin = AdminClient(connection)
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(SECONDS)
    return "ok"


def topics(connection: dict) -> str:
    return " ".join(sorted(AdminClient(connection).list_topics(timeout=SECONDS).topics))


main()
