"""Makes the files that Kafka clients read of a login that somebody else made.

Run as `python3 -m kafka_platform_runtime.client_login TEMPLATES SECRET FILES` before a program starts. SECRET is a mounted
Secret with `username` and `password`, or `tls.crt` and `tls.key`. Each file in TEMPLATES whose name begins with `login-`
becomes one in FILES, with the login where it has a mark, spelled as its kind of file wants it.

Exit code 0: the files are there. 3: the Secret has not what it needs, or a value fits into no such file; the log says which.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from kafka_platform_runtime.failures import Refused

DONE = 0
REFUSED = 3
MODE = 0o440
TEMPLATE = "login-"
PASSWORD = ("username", "password")
"""The keys of a login by password, and of one by certificate."""
CERTIFICATE = ("tls.crt", "tls.key")


def read(secret: Path) -> dict[str, str]:
    """What the mounted Secret has of a login.

    Raises:
        Refused: a key is missing, empty or no text.
    """
    keys = CERTIFICATE if (secret / CERTIFICATE[0]).exists() or (secret / CERTIFICATE[1]).exists() else PASSWORD
    found: dict[str, str] = {}
    faults = []
    for key in keys:
        try:
            found[key] = (secret / key).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            found[key] = ""
        if not found[key].strip():
            faults.append(f"the login's Secret has no text in its key {key}: it needs {' and '.join(keys)}")
    if faults:
        raise Refused(faults)
    return found


def files(templates: Mapping[str, str], login: Mapping[str, str]) -> dict[str, str]:
    """The files by name.

    Raises:
        Refused: a value cannot stand in one of them.
    """
    if "tls.key" in login:
        # Java reads the key and the certificates from one file.
        together = {"user.pem": f"{login['tls.key']}\n{login['tls.crt']}\n"}
        return {**templates, **{key: f"{value}\n" for key, value in login.items()}, **together}
    for key, value in login.items():
        if not value.isprintable() or value != value.strip():
            raise Refused([f"the login's {key} has line breaks, control characters or blanks around it: replace it"])
    made = dict(login)
    for name, text in templates.items():
        made[name] = _filled(name, text, login)
    return made


def _filled(name: str, text: str, login: Mapping[str, str]) -> str:
    # At once: what one value has in it is no mark for the other.
    return re.sub(r"@(username|password)@", lambda mark: _spelled(name, login[mark[1]]), text)


def _spelled(name: str, value: str) -> str:
    if name.endswith(".conf"):  # librdkafka's: nothing is escaped
        return value
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')  # as JAAS has it
    if not name.endswith(".properties"):
        return quoted
    escaped = quoted.replace("\\", "\\\\")  # as java.util.Properties has it, which is ISO 8859-1
    return "".join(each if " " <= each <= "~" else _escaped(each) for each in escaped)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))


def main(arguments: list[str]) -> int:
    """The program; see the module."""
    templates, secret, target = map(Path, arguments)
    found = {
        path.name.removeprefix(TEMPLATE): path.read_text(encoding="utf-8")
        for path in sorted(templates.glob(f"{TEMPLATE}*"))
    }
    try:
        made = files(found, read(secret))
    except Refused as refusal:
        print("; ".join(refusal.faults), file=sys.stderr)
        return REFUSED
    for name, text in made.items():
        file = target / name
        # The container may be run again in the same pod.
        file.unlink(missing_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(MODE)
    return DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
