"""A worker as a team would write it: copies what it reads to the topic that it writes, and commits what has arrived.

It knows nothing but the variables and files that the platform gives to its pod. PAUSE is the work for each record, in seconds.
"""

import os
import signal
import time
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer

stopping = False


def stop(*_):
    global stopping
    stopping = True


def options(*variables):
    """What stands in the configuration files that the variables name."""
    lines = [line for name in variables for line in Path(os.environ[name]).read_text().splitlines()]
    return dict(line.split("=", 1) for line in lines)


signal.signal(signal.SIGTERM, stop)
consumer = Consumer(options("KAFKA_LIBRDKAFKA_CONFIG", "KAFKA_LIBRDKAFKA_CONSUMER_CONFIG"))
producer = Producer(options("KAFKA_LIBRDKAFKA_CONFIG", "KAFKA_LIBRDKAFKA_PRODUCER_CONFIG"))
consumer.subscribe(os.environ["KAFKA_READ_TOPICS"].split(","))
target, pause = os.environ["KAFKA_WRITE_TOPICS"], float(os.environ.get("PAUSE", "0"))
print("started", os.environ["POD_NAME"], flush=True)
while not stopping:
    records = consumer.consume(50, timeout=0.5)
    for record in records:
        if record.error():
            raise SystemExit(str(record.error()))
        time.sleep(pause)
        producer.produce(target, record.value(), record.key())
    if records:
        if producer.flush(30) > 0:
            raise SystemExit("what was written is not acknowledged")
        try:
            consumer.commit(asynchronous=False)
        except KafkaException as error:  # the group is changing: whoever has the partition now does these records again
            print(error, flush=True)
consumer.close()
print("left", flush=True)
