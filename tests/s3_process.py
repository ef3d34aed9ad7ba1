"""A real S3 server on loopback: versitygw, which checks signatures and conditions, and keeps objects in a folder."""

import json
import os
import subprocess
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sandbox import build
from sandbox.build import BuildFolders
from tests.connector_process import eventually
from tests.ports import free_ports
from tests.sandbox_cache import cache
from tests.tiers import IS_LONG

BUCKET = "lake"
LOGIN = {"AWS_ACCESS_KEY_ID": "of-the-test", "AWS_SECRET_ACCESS_KEY": "secret-of-the-test"}


def needed_versitygw() -> Path:
    """The server's program; the test is skipped, with the reason, where it is not compiled and may not be."""
    compiled = build.compiled(cache(), build.OBJECT_STORE)
    if compiled is None and IS_LONG:
        with tempfile.TemporaryDirectory() as logs:
            compiled = build.binaries(BuildFolders(cache=cache(), logs=Path(logs)), build.OBJECT_STORE)
    if compiled is None:
        pytest.skip("no S3 server: `make storage` compiles one (two minutes, once)")
    return compiled / "versitygw"


class S3Server:
    """One process at a time, which keeps what it has when it is killed.

    Args:
        program: that of versitygw.
        folder: which it makes.
        users: secret keys of users besides the administrator, who may do what a bucket's policy lets them.
    """

    def __init__(self, program: Path, folder: Path, users: Mapping[str, str] | None = None) -> None:
        (self.port,) = free_ports(1)
        self._program, self._folder = program, folder
        (folder / "objects").mkdir(parents=True)
        (folder / "users").mkdir()
        accounts = {
            name: {"access": name, "secret": key, "role": "user", "userID": 0, "groupID": 0, "projectID": 0}
            for name, key in (users or {}).items()
        }
        (folder / "users" / "users.json").write_text(json.dumps({"accessAccounts": accounts}))
        self._process: subprocess.Popen[bytes] | None = None
        self.client: Any = botocore.session.Session().create_client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=LOGIN["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=LOGIN["AWS_SECRET_ACCESS_KEY"],
            config=Config(s3={"addressing_style": "path"}),
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        login = {"ROOT_ACCESS_KEY": LOGIN["AWS_ACCESS_KEY_ID"], "ROOT_SECRET_KEY": LOGIN["AWS_SECRET_ACCESS_KEY"]}
        command = [str(self._program), "--port", f"127.0.0.1:{self.port}", "--health", "/health"]
        command += ["--iam-dir", str(self._folder / "users"), "posix"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, str(self._folder / "objects")], stdout=log, stderr=log, env=os.environ | login
            )
        eventually(self._answers, lambda: (self._folder / "log").read_text()[-2000:])

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                return True
        except OSError:
            return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def keys(self, prefix: str) -> list[str]:
        """The keys below a prefix, in their order."""
        try:
            page = self.client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        except (BotoCoreError, ClientError):
            return []
        return [each["Key"] for each in page.get("Contents", ())]

    def content(self, key: str) -> bytes:
        found: bytes = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return found
