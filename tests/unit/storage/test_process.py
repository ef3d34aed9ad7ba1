"""A real versitygw as the pod starts it, with the keeper beside it: who may do what, and what stays after a kill."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from kafka_platform import StoreAccess, StoreUser
from kafka_platform.storage.logins import users_secret
from kafka_platform.storage.objects import config, store_command
from kafka_platform.storage.spec import MOST_USERS, ObjectStoreSpec

from tests.connector_process import eventually
from tests.ports import free_ports
from tests.s3_process import needed_versitygw
from tests.unit.storage.test_objects import decoded

OTHERS = {f"user-{number}": StoreUser(prefix=f"p{number}/") for number in range(MOST_USERS - 3)}
USERS = {
    "lake": StoreUser(),
    "lakehouse": StoreUser(),
    "reader": StoreUser(prefix="lake/", access=StoreAccess.READ),
    **OTHERS,
}
KEYS = {user: f"secret-key-of-{user}" for user in USERS}
ADMIN = {"AWS_ACCESS_KEY_ID": "admin", "AWS_SECRET_ACCESS_KEY": "secret-key-of-admin"}


class Store:
    """Both containers of the pod as processes, with the files that the pod mounts."""

    def __init__(self, program: Path, folder: Path, spec: ObjectStoreSpec) -> None:
        self.port, self.metrics_port = free_ports(2)
        self.folder, self._program = folder, program
        for name in ("data/objects", "data/metadata", "users", "config", "credentials"):
            (folder / name).mkdir(parents=True)
        (folder / "config" / "store.json").write_text(config(spec))
        for name, text in ADMIN.items():
            (folder / "credentials" / name).write_text(text)
        secret = users_secret("files-users", "streaming", {}, spec.users, KEYS)
        # As Kubernetes mounts it: a link to a file that cannot be written.
        (folder / "users" / "..data").mkdir()
        for name, text in decoded(secret).items():
            file = folder / "users" / "..data" / name
            file.write_text(text)
            file.chmod(0o444)
            (folder / "users" / name).symlink_to(f"..data/{name}")
        (folder / "users").chmod(0o555)
        self.store: subprocess.Popen[bytes] | None = None
        self.keeper: subprocess.Popen[bytes] | None = None

    def start_store(self) -> None:
        places = {":8080": f"127.0.0.1:{self.port}", "/etc/kafka-platform/users": str(self.folder / "users")}
        words = [places.get(word, word.replace("/data/", f"{self.folder}/data/")) for word in store_command()[1:]]
        login = {
            "ROOT_ACCESS_KEY_ID": ADMIN["AWS_ACCESS_KEY_ID"],
            "ROOT_SECRET_ACCESS_KEY": ADMIN["AWS_SECRET_ACCESS_KEY"],
        }
        with (self.folder / "log").open("ab") as log:
            self.store = subprocess.Popen([self._program, *words], stdout=log, stderr=log, env=os.environ | login)

    def start_keeper(self) -> None:
        variables = {
            "OBJECT_STORE_CONFIG": str(self.folder / "config" / "store.json"),
            "OBJECT_STORE_CREDENTIALS": str(self.folder / "credentials"),
            "OBJECT_STORE_PORT": str(self.metrics_port),
            "OBJECT_STORE_REGION": "us-east-1",
            "OBJECT_STORE_URL": f"http://127.0.0.1:{self.port}",
            "OBJECT_STORE_VOLUME": str(self.folder / "data"),
        }
        command = [sys.executable, "-m", "kafka_platform_runtime.object_store"]
        with (self.folder / "log").open("ab") as log:
            self.keeper = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | variables)

    def log(self) -> str:
        return (self.folder / "log").read_text()[-3000:]

    def ask(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def wait(self) -> None:
        eventually(lambda: self.ask("/readyz")[0] == 200, self.log)

    def client(self, user: str, secret: str | None = None) -> Any:
        return botocore.session.Session().create_client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id=user,
            aws_secret_access_key=secret or f"secret-key-of-{user}",
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    def end(self) -> None:
        for process in (self.store, self.keeper):
            if process is not None:
                process.kill()
                process.wait()
        (self.folder / "users").chmod(0o755)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    made = Store(needed_versitygw(), tmp_path_factory.mktemp("storage") / "pod", ObjectStoreSpec(users=USERS))
    # The keeper waits for the store, whichever starts first.
    made.start_keeper()
    eventually(lambda: made.ask("/readyz")[0] == 503, made.log)
    made.start_store()
    made.wait()
    yield made
    made.end()


def refused(request: Callable[..., Any], **arguments: Any) -> bool:
    try:
        request(Bucket="platform", **arguments)
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"] in {400, 403, 404}
    return False


def test_a_user_works_below_its_prefix(store: Store) -> None:
    lake = store.client("lake")
    lake.put_object(Bucket="platform", Key="lake/a", Body=b"1")
    parts = lake.create_multipart_upload(Bucket="platform", Key="lake/large")
    part = lake.upload_part(
        Bucket="platform", Key="lake/large", UploadId=parts["UploadId"], PartNumber=1, Body=b"2" * 6_000_000
    )
    done = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    lake.complete_multipart_upload(
        Bucket="platform", Key="lake/large", UploadId=parts["UploadId"], MultipartUpload=done
    )
    found = lake.list_objects_v2(Bucket="platform", Prefix="lake/")
    assert [each["Key"] for each in found["Contents"]] == ["lake/a", "lake/large"]
    lake.delete_object(Bucket="platform", Key="lake/large")
    last = store.client(f"user-{len(OTHERS) - 1}")
    last.put_object(Bucket="platform", Key=f"p{len(OTHERS) - 1}/a", Body=b"1")


def test_a_user_reaches_nothing_else(store: Store) -> None:
    store.client("lakehouse").put_object(Bucket="platform", Key="lakehouse/secret", Body=b"1")
    lake = store.client("lake")
    lake.put_object(Bucket="platform", Key="lake/mine", Body=b"1")
    for key in (
        "lakehouse/secret",
        "other",
        "lake/../lakehouse/secret",
        "/lakehouse/secret",
    ):
        assert refused(lake.get_object, Key=key), key
        assert refused(lake.delete_object, Key=key), key
    # Whatever it is taken for, it is not somebody else's object.
    assert refused(lake.get_object, Key="lake/..%2flakehouse/secret")
    lake.delete_object(Bucket="platform", Key="lake/..%2flakehouse/secret")
    for key in ("lakehouse/new", "new", "lake/../lakehouse/new"):
        assert refused(lake.put_object, Key=key, Body=b"1"), key
    for source in ("lakehouse/secret", "lake/../lakehouse/secret"):
        assert refused(lake.copy_object, Key="lake/copy", CopySource={"Bucket": "platform", "Key": source}), source
    for prefix in ("", "lake", "lakehouse/", "l"):
        assert refused(lake.list_objects_v2, Prefix=prefix), prefix
    many = lake.delete_objects(
        Bucket="platform", Delete={"Objects": [{"Key": "lakehouse/secret"}, {"Key": "lake/mine"}]}
    )
    assert [each["Key"] for each in many["Errors"]] == ["lakehouse/secret"]
    for request, arguments in (
        (lake.put_object_acl, {"Key": "lake/mine", "ACL": "public-read"}),
        (lake.put_bucket_acl, {"ACL": "public-read"}),
        (lake.put_bucket_policy, {"Policy": "{}"}),
        (lake.delete_bucket_policy, {}),
        (lake.get_bucket_policy, {}),
        (lake.delete_bucket, {}),
        (lake.list_multipart_uploads, {}),
    ):
        assert refused(request, **arguments), request
    with pytest.raises(ClientError, match="AccessDenied"):
        lake.create_bucket(Bucket="own")
    assert store.client("lakehouse").get_object(Bucket="platform", Key="lakehouse/secret")["Body"].read() == b"1"


def test_a_reader_writes_nothing(store: Store) -> None:
    store.client("lake").put_object(Bucket="platform", Key="lake/b", Body=b"1")
    reader = store.client("reader")
    assert reader.get_object(Bucket="platform", Key="lake/b")["Body"].read() == b"1"
    assert refused(reader.put_object, Key="lake/b", Body=b"2")
    assert refused(reader.delete_object, Key="lake/b")
    assert refused(reader.create_multipart_upload, Key="lake/c")


def test_nobody_comes_without_a_key_or_with_a_wrong_one(store: Store) -> None:
    for path in ("platform/lake/a", "platform?list-type=2&prefix=lake/", "", "metadata", "../config/store.json"):
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(f"http://127.0.0.1:{store.port}/{path}", timeout=5)
        assert error.value.code in {400, 403, 404}
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        store.client("lake", "guessed").list_objects_v2(Bucket="platform", Prefix="lake/")
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        store.client("somebody").list_objects_v2(Bucket="platform", Prefix="lake/")


def test_the_policy_comes_back_and_objects_outlive_a_kill(store: Store) -> None:
    lake = store.client("lake")
    lake.put_object(Bucket="platform", Key="lake/kept", Body=b"kept")
    assert store.store is not None
    store.store.kill()
    store.store.wait()
    store.start_store()
    eventually(lambda: not refused(lake.head_object, Key="lake/kept") if alive(store) else False, store.log)
    assert lake.get_object(Bucket="platform", Key="lake/kept")["Body"].read() == b"kept"
    assert refused(lake.get_object, Key="lakehouse/secret")
    # Somebody takes the policy away; the keeper's next look gives it back.
    store.client("admin").delete_bucket_policy(Bucket="platform")
    eventually(lambda: not refused(lake.head_object, Key="lake/kept"), store.log)


def alive(store: Store) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{store.port}/_Health", timeout=2):
            return True
    except OSError:
        return False


def test_what_it_shows(store: Store) -> None:
    status, text = store.ask("/metrics")
    values = {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if not line.startswith("#")}
    assert status == 200
    assert values["object_store_up"] == 1
    assert 0 < values["object_store_volume_available_bytes"] <= values["object_store_volume_bytes"]
    assert "secret-key" not in text + store.log()


def test_what_it_refuses_is_told_by_its_name(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kafka_platform_runtime.object_store"]
    (tmp_path / "store.json").write_text(json.dumps({"bucket": "platform"}))
    names = {name: str(tmp_path) for name in ("CREDENTIALS", "REGION", "URL", "VOLUME")}
    given = {f"OBJECT_STORE_{name}": text for name, text in names.items()} | {"OBJECT_STORE_PORT": "0"}
    for changes, message in (
        ({}, "OBJECT_STORE_CONFIG: missing"),
        ({"OBJECT_STORE_CONFIG": str(tmp_path / "store.json")}, "OBJECT_STORE_CONFIG: KeyError in"),
        ({"OBJECT_STORE_CONFIG": "x", "OBJECT_STORE_PORT": "x"}, "OBJECT_STORE_PORT: 'x' is not a port"),
    ):
        done = subprocess.run(command, env=os.environ | given | changes, capture_output=True, text=True)
        assert done.returncode == 3
        assert message in done.stderr
