"""Names of consumer groups."""

LONGEST_GROUP = 249


def is_group(name: str) -> bool:
    """Whether a consumer group can have this name here.

    Kafka would take more. A name that begins with NUL is none to librdkafka, which is written in C, and a consumer
    without a group ends the whole program.
    """
    return 0 < len(name) <= LONGEST_GROUP and name.isprintable()
