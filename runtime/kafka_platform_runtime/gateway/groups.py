"""Names of consumer groups."""

LONGEST_GROUP = 249


def is_group(name: str) -> bool:
    """Whether a consumer group may have this name here.

    Kafka would accept more. To librdkafka, written in C, a name that begins with NUL is empty, and a consumer
    without a group ends the whole program.
    """
    return 0 < len(name) <= LONGEST_GROUP and name.isprintable()
