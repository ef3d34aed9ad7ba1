"""Versions of images and of Kafka."""

import re


def is_older(old: str, new: str) -> bool:
    """Whether the version behind the colon of `new` is older than that of `old`; not if either has none."""
    versions = [re.search(r":(\d+)\.(\d+)\.(\d+)", each) for each in (old, new)]
    if versions[0] is None or versions[1] is None:
        return False
    return [int(each) for each in versions[1].groups()] < [int(each) for each in versions[0].groups()]
