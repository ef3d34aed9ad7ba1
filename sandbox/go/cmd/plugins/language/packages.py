"""Lists the installed distributions as JSON: name, version, whether nothing requires it, its pulumi-plugin.json."""

import importlib.metadata
import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import Any


def canonical(name: str) -> str:
    """The canonical form of a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def manifest(name: str) -> Any:
    """The plugin that the package of that name needs; None if it has no such file."""
    try:
        spec = importlib.util.find_spec(name.replace("-", "_"))
    except (ImportError, ValueError):
        return None
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder, "pulumi-plugin.json")
        if path.is_file():
            return json.loads(path.read_text(encoding="utf-8"))
    return None


found: dict[str, dict[str, Any]] = {}
required: set[str] = set()
for distribution in importlib.metadata.distributions():
    name = distribution.metadata["Name"]
    if not name or canonical(name) in found:
        continue
    requirements = distribution.requires or []
    required.update(canonical(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]) for line in requirements)
    # Only packages that know Pulumi can carry a manifest; looking into the others would take most of the time.
    knows = any(canonical(line).startswith("pulumi") for line in requirements) or canonical(name).startswith("pulumi-")
    found[canonical(name)] = {
        "name": canonical(name),
        "version": distribution.version,
        "plugin": manifest(name) if knows else None,
    }
for key, entry in found.items():
    entry["direct"] = key not in required
json.dump(list(found.values()), sys.stdout)
