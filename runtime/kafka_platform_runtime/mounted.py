"""Files of a ConfigMap or Secret that is mounted as a folder."""

from pathlib import Path


def texts(folder: Path) -> dict[str, str]:
    """The contents of its files by name, in the order of the names.

    Raises:
        OSError: one cannot be read.
        UnicodeDecodeError: one is not UTF-8 text.
    """
    return {
        entry.name: entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir())
        # Hidden folders and links, by which Kubernetes replaces all files at once, are none of them.
        if not entry.name.startswith("..") and entry.is_file()
    }
