"""What a real platform said: objects by kubectl, metrics of its pods."""

import copy
import json
from pathlib import Path
from typing import Any

from infra.live import metrics
from infra.live.samples import Samples, parse

FOLDER = Path(__file__).parent / "recorded"


def objects(name: str) -> list[dict[str, Any]]:
    """The recorded objects of a kind, which may be changed."""
    return copy.deepcopy(json.loads((FOLDER / f"{name}.json").read_text())["items"])


def pod(name: str) -> dict[str, Any]:
    """A recorded pod by the beginning of its name."""
    return next(each for each in objects("pods") if each["metadata"]["name"].startswith(name))


def samples(name: str, at: float) -> Samples:
    """The recorded metrics of a pod."""
    return parse((FOLDER / f"{name}.metrics").read_text(), at, metrics.NAMES)


def shown(text: str, at: float) -> Samples:
    """Metrics as a pod shows them."""
    return parse(text, at, metrics.NAMES)
