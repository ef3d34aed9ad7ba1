"""promtool and amtool, by which Prometheus and Alertmanager judge rules and routes: the machine's own, or Debian's."""

from tests.debian import had


def promtool() -> str:
    """The program. Raises `RuntimeError`, with the reason, if it cannot be had."""
    return str(had("promtool", "prometheus"))


def amtool() -> str:
    """Alertmanager's own. Raises `RuntimeError`, with the reason, if it cannot be had."""
    return str(had("amtool", "prometheus-alertmanager"))
