"""The least that a connector's key needs of a bucket, which is what the documentation says, and what it cannot do with that."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import msgspec
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from kafka_platform_runtime.connectors.kinds import s3_sink, s3_source
from kafka_platform_runtime.connectors.records import Record
from kafka_platform_runtime.connectors.settings import Connector, Secrets
from kafka_platform_runtime.failures import Transient

from tests.s3_process import BUCKET, S3Server, needed_versitygw

KEYS = {"lake-sink": "key-of-the-sink", "inbox-source": "key-of-the-source"}
OWN, INBOX = "raw/", "inbox/"
PAGE = Path(__file__).parents[4] / "docs" / "components" / "light-connector.md"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    made = S3Server(needed_versitygw(), tmp_path_factory.mktemp("s3") / "server", users=KEYS)
    made.start()
    made.client.create_bucket(Bucket=BUCKET)
    made.client.put_object(Bucket=BUCKET, Key="private/x", Body=b"1")
    yield made
    made.kill()


def documented() -> dict[str, Any]:
    """The policy on the page."""
    (text,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    found: dict[str, Any] = json.loads(text)
    return found


def without(action: str) -> dict[str, Any]:
    policy = documented()
    for statement in policy["Statement"]:
        statement["Action"] = [each for each in statement["Action"] if each != action]
    return policy | {"Statement": [each for each in policy["Statement"] if each["Action"]]}


@pytest.fixture
def allowed(server: S3Server) -> Callable[[dict[str, Any]], None]:
    def put(policy: dict[str, Any]) -> None:
        server.client.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
        for key in (*server.keys(OWN), *server.keys(INBOX)):
            server.client.delete_object(Bucket=BUCKET, Key=key)

    return put


def secrets(folder: Path, user: str) -> Secrets:
    (folder / "AWS_ACCESS_KEY_ID").write_text(user)
    (folder / "AWS_SECRET_ACCESS_KEY").write_text(KEYS[user])
    return Secrets(folder)


def records(numbers: range) -> list[Record]:
    return [Record(topic="t", partition=0, offset=n, timestamp=n, key=None, value=b"%d" % n) for n in numbers]


def deliver(server: S3Server, folder: Path, numbers: range) -> str:
    """What a sink says that begins there."""
    given = {"endpoint": server.url, "bucket": BUCKET, "prefix": OWN}
    connector = Connector(name="c", kind="s3", topics=["t"], group="g")
    made = s3_sink.target(msgspec.convert(given, s3_sink.Settings), secrets(folder, "lake-sink"), connector)
    try:
        return made.deliver(records(numbers)).trouble
    finally:
        made.close()


class Positions:
    """Kept in memory."""

    def __init__(self) -> None:
        self.kept = ""

    def read(self) -> str:
        return self.kept

    def write(self, text: str) -> None:
        self.kept = text


def receive(server: S3Server, folder: Path, after: str) -> list[bytes | None]:
    """What a source receives until there is no more."""
    given = {"endpoint": server.url, "bucket": BUCKET, "prefix": INBOX, "interval": 0.1, "after": after}
    settings = msgspec.convert(given, s3_source.Settings)
    made = s3_source.Objects(settings, secrets(folder, "inbox-source"), Positions(), 100)  # type: ignore[arg-type]
    found: list[bytes | None] = []
    made.open()
    try:
        for _ in range(10):
            new = made.receive(0.2)
            if new:
                made.acknowledge(new)
            found += [each.value for each in new]
    finally:
        made.close()
    return found


def test_with_the_documented_policy_both_work(
    server: S3Server, allowed: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    allowed(documented())
    assert deliver(server, tmp_path, range(6)) == ""
    # Another pod, which begins where the first one did, finds its object.
    assert deliver(server, tmp_path, range(9)) == ""
    assert len(server.keys(OWN)) == 2
    server.client.put_object(Bucket=BUCKET, Key=f"{INBOX}a", Body=b"1\n2\n")
    assert receive(server, tmp_path, "keep") == [b"1", b"2"]
    assert receive(server, tmp_path, "delete") == [b"1", b"2"]
    assert server.keys(INBOX) == []


@pytest.mark.parametrize("action", ["s3:ListBucket", "s3:GetObject", "s3:DeleteObject"])
def test_a_source_needs_each_right_of_it(
    server: S3Server, allowed: Callable[[dict[str, Any]], None], tmp_path: Path, action: str
) -> None:
    allowed(without(action))
    server.client.put_object(Bucket=BUCKET, Key=f"{INBOX}a", Body=b"1\n")
    if action == "s3:DeleteObject":
        assert receive(server, tmp_path, "keep") == [b"1"]
    with pytest.raises(Transient, match="403"):
        receive(server, tmp_path, "delete")


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:GetObject"])
def test_a_sink_needs_each_right_of_it_and_loses_nothing_without(
    server: S3Server, allowed: Callable[[dict[str, Any]], None], tmp_path: Path, action: str
) -> None:
    allowed(without(action))
    first, second = deliver(server, tmp_path, range(6)), deliver(server, tmp_path, range(9))
    assert "403" in (first or second)


class Client:
    """What somebody could do who has a connector's key."""

    def __init__(self, server: S3Server, user: str) -> None:
        self._client = botocore.session.Session().create_client(
            "s3",
            endpoint_url=server.url,
            region_name="us-east-1",
            aws_access_key_id=user,
            aws_secret_access_key=KEYS[user],
            config=Config(s3={"addressing_style": "path"}),
        )

    def may(self, request: str, **arguments: Any) -> bool:
        try:
            getattr(self._client, request)(Bucket=BUCKET, **arguments)
        except ClientError as error:
            return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] not in {401, 403})
        return True


@pytest.mark.parametrize("user", KEYS)
@pytest.mark.parametrize(
    ("request_", "arguments"),
    [
        ("get_object", {"Key": "private/x"}),
        ("head_object", {"Key": "private/x"}),
        ("put_object", {"Key": "private/y", "Body": b"1"}),
        ("put_object", {"Key": "raw", "Body": b"1"}),
        ("put_object", {"Key": "rawest/x", "Body": b"1"}),
        ("delete_object", {"Key": "private/x"}),
        ("list_objects_v2", {}),
        ("list_objects_v2", {"Prefix": "private/"}),
        ("list_objects_v2", {"Prefix": "inbox"}),
        ("get_bucket_policy", {}),
        ("put_bucket_policy", {"Policy": "{}"}),
        ("delete_bucket_policy", {}),
        ("delete_bucket", {}),
    ],
)
def test_a_key_reaches_nothing_else(
    server: S3Server, allowed: Callable[[dict[str, Any]], None], user: str, request_: str, arguments: dict[str, Any]
) -> None:
    allowed(documented())
    assert not Client(server, user).may(request_, **arguments)


def test_a_sink_cannot_delete_what_it_wrote_nor_list_it_and_a_source_cannot_write(
    server: S3Server, allowed: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    allowed(documented())
    assert deliver(server, tmp_path, range(6)) == ""
    (key,) = server.keys(OWN)
    assert not Client(server, "lake-sink").may("delete_object", Key=key)
    assert not Client(server, "lake-sink").may("list_objects_v2", Prefix=OWN)
    assert not Client(server, "inbox-source").may("get_object", Key=key)
    assert not Client(server, "inbox-source").may("put_object", Key="inbox/x", Body=b"1")
