"""When the JobManager beside this program may start, and with which files: a folder that both see."""

from pathlib import Path

ASKS, GO = "ask", "go"
SQL, ARGUMENTS = "job.sql", "job.args"
"""What a job is: SQL, or the arguments with which Flink runs a program, one a line."""


class Turn:
    """The folder. The JobManager's container writes `ask` when it is about to start, and waits for `go`.

    Args:
        folder: it.
        script: what the file is called that says what runs.
    """

    def __init__(self, folder: Path, script: str = SQL) -> None:
        self._folder = folder
        self._script = script

    @property
    def asked(self) -> bool:
        """Whether it waits."""
        return (self._folder / ASKS).exists()

    def give(self, config: str, script: str) -> None:
        """Lets it start with these files."""
        files = self._folder / "conf"
        files.mkdir(exist_ok=True)
        (files / "config.yaml").write_text(config, encoding="utf-8")
        (files / self._script).write_text(script, encoding="utf-8")
        (self._folder / ASKS).unlink(missing_ok=True)
        (self._folder / GO).touch()
