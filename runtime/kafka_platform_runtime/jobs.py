"""What programs have in common that apply declarations once and end: their exit codes, attempts and last message."""

import os
import traceback
from collections.abc import Callable, Mapping

from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.retries import Retries
from kafka_platform_runtime.termination import leave, termination_log

DONE = 0
NOT_NOW = 1
REFUSED = 3
DEFAULT_DEADLINE_SECONDS = 240.0
REMOVED = "removed"
"""File of the declarations with the JSON list of what is to be deleted."""


def address(environment: Mapping[str, str], variable: str) -> str:
    """The URL in a variable, without a slash at its end.

    Raises:
        Refused: it is missing, or no URL of HTTP.
    """
    url = environment.get(variable, "").rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise Refused([f"{variable}: {url!r} is not an address: write one that begins with http:// or https://"])
    return url


def deadline(environment: Mapping[str, str]) -> float:
    """DEADLINE_SECONDS: how long to retry what may yet succeed.

    Raises:
        Refused: it is not a number.
    """
    try:
        return float(environment.get("DEADLINE_SECONDS") or DEFAULT_DEADLINE_SECONDS)
    except ValueError as error:
        raise Refused([f"DEADLINE_SECONDS: cannot be read: {error}"]) from None


def attempts(attempt: Callable[[], str], deadline_seconds: float) -> tuple[int, str]:
    """Tries until it is done, refused, or out of time; the exit code and the last message.

    Args:
        attempt: returns what was done in one line; raises `Transient` if another one may succeed, `Refused` if none can.
        deadline_seconds: how long attempts may be made.
    """
    retries = Retries(deadline_seconds, lambda line: print(line, flush=True))
    while True:
        try:
            return DONE, attempt()
        except Refused as refusal:
            return REFUSED, refused(refusal)
        except Transient as trouble:
            late = retries.pause(str(trouble))
            if late is not None:
                return NOT_NOW, late


def refused(refusal: Refused) -> str:
    """The last message of a program that was refused: one fault a line."""
    return "\n".join(["refused:", *refusal.faults])


def ended(run: Callable[[Mapping[str, str]], tuple[int, str]]) -> int:
    """Runs a program to its end. Returns its exit code, and leaves its last message where Kubernetes looks for it."""
    try:
        code, message = run(os.environ)
    except Exception as error:  # the message must reach whoever waits for the Job, in any case
        traceback.print_exc()
        code, message = NOT_NOW, f"unexpected {type(error).__name__}: {error}; see the log of the pod"
    leave(message, termination_log(os.environ))
    print(message, flush=True)
    return code
