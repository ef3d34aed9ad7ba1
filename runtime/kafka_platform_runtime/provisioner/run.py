"""A run: one attempt after another until the cluster is as declared, refuses, or time runs out."""

import time
from collections.abc import Mapping

from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.failures import Refused, Rejected, Superseded, Transient
from kafka_platform_runtime.mounted import texts
from kafka_platform_runtime.provisioner.attempt import attempt
from kafka_platform_runtime.provisioner.noting import note
from kafka_platform_runtime.provisioner.parsing import read
from kafka_platform_runtime.provisioner.report import Report
from kafka_platform_runtime.provisioner.settings import Settings
from kafka_platform_runtime.retries import Retries
from kafka_platform_runtime.runs import version_of

DONE = 0
NOT_NOW = 1
REFUSED = 3

# How many seconds a failing login is retried: the administrator's own credential may be a moment late.
LOGIN_SECONDS = 30.0


def run(environment: Mapping[str, str], report: Report) -> tuple[int, str]:
    """Retry until it is done, refused, or out of time, and note it; the exit code and the last message."""
    try:
        settings = Settings.from_environment(environment)
    except Refused as refusal:
        return REFUSED, report.refused(refusal.faults)
    version = _version(settings)
    try:
        code, message = _until_done(settings, environment, report)
    except Superseded as newer:
        return REFUSED, report.refused([str(newer)])  # which notes what it does
    note(settings, environment, report, failed=code != DONE, version=version)
    return code, message


def _version(settings: Settings) -> str | None:
    """Of the declarations as they are now: files change while a run lasts if somebody deploys."""
    try:
        return version_of(texts(settings.declarations))
    except (OSError, UnicodeDecodeError):
        return None


def _until_done(settings: Settings, environment: Mapping[str, str], report: Report) -> tuple[int, str]:
    try:
        declared = read(settings.declarations)
    except Refused as refusal:
        return REFUSED, report.refused(refusal.faults)
    retries = Retries(settings.deadline_seconds, report.say)
    login_until: float | None = None
    while True:
        try:
            attempt(settings, Connection.from_environment(environment), declared, report)
        except Refused as refusal:
            return REFUSED, report.refused(refusal.faults)
        except Rejected as rejection:
            login_until = login_until or time.monotonic() + LOGIN_SECONDS
            if time.monotonic() > min(retries.until, login_until):
                return REFUSED, report.refused([f"the login was refused for {LOGIN_SECONDS:.0f} s: {rejection}"])
            reason = str(rejection)
        except Transient as trouble:
            login_until = None
            reason = str(trouble)
        else:
            if report.failures:
                return REFUSED, report.partial()
            return DONE, report.success()
        late = retries.pause(reason)
        if late is not None:
            return NOT_NOW, report.refused([late])
