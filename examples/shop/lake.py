"""Counts the rows of a table of the lake by what happened to them, and sums up the newest state.

lake.py TABLE ENDPOINT, such as lake.py orders http://localhost:9000: needs kubectl and `pip install pyiceberg pyarrow`.
"""

import base64
import json
import subprocess
import sys
from collections import Counter
from typing import Any

from pyiceberg.table import StaticTable

KUBECTL = ("kubectl", "-n", "streaming")


def asked(*arguments: str) -> str:
    """What kubectl answers."""
    return subprocess.run([*KUBECTL, *arguments], check=True, capture_output=True, text=True).stdout.strip()


def rows(table: str, endpoint: str) -> list[dict[str, Any]]:
    """All rows of a table: the catalog knows where it is, the Secret how to log in."""
    statement = f"SELECT metadata_location FROM iceberg_tables WHERE table_name = '{table}'"  # noqa: S608
    location = asked("exec", "deploy/reports-db", "--", "python3", "database.py", "sql", "lake", statement)
    if not location:
        raise SystemExit(f"{table}: no such table in the lake yet")
    secret = json.loads(asked("get", "secret", "lake-storage", "-o", "json"))["data"]
    login = {key: base64.b64decode(value).decode() for key, value in secret.items()}
    properties = {
        "s3.endpoint": endpoint,
        "s3.access-key-id": login["AWS_ACCESS_KEY_ID"],
        "s3.secret-access-key": login["AWS_SECRET_ACCESS_KEY"],
        "s3.region": login["AWS_REGION"],
    }
    found: list[dict[str, Any]] = StaticTable.from_metadata(location, properties).scan().to_arrow().to_pylist()
    return found


def main(table: str, endpoint: str) -> None:
    """Prints what there is."""
    found = sorted(rows(table, endpoint), key=lambda row: int(row["_cdc"]["offset"]))
    newest = {row["id"]: row for row in found}
    left = [row for row in newest.values() if row["_cdc"]["op"] != "D"]
    print(f"{table}: {dict(sorted(Counter(row['_cdc']['op'] for row in found).items()))}")
    total = f", amount {sum(row['amount'] for row in left)}" if left and "amount" in left[0] else ""
    print(f"{len(left)} rows now{total}")


if __name__ == "__main__":
    main(*sys.argv[1:])
