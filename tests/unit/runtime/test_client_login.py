"""The files of a login that somebody else made: what clients of Java and librdkafka do with them, and what is refused."""

from pathlib import Path

import pytest
from kafka_platform_runtime import client_login
from kafka_platform_runtime.client_login import DONE, REFUSED, files, main


def secret(folder: Path, **keys: str) -> Path:
    made = folder / "secret"
    made.mkdir()
    for key, text in keys.items():
        (made / key.replace("_", ".")).write_text(text)
    return made


def run(folder: Path, templates: dict[str, str], **keys: str) -> tuple[int, dict[str, str]]:
    given, target = folder / "templates", folder / "files"
    given.mkdir()
    target.mkdir()
    for name, text in templates.items():
        (given / name).write_text(text)
    code = main([str(given), str(secret(folder, **keys)), str(target)])
    return code, {path.name: path.read_text() for path in target.iterdir()}


JAAS = 'required username="@username@" password="@password@";'


def test_a_password_is_spelled_as_each_kind_of_file_wants_it(tmp_path: Path) -> None:
    code, made = run(
        tmp_path,
        {
            "login-client.properties": f"sasl.jaas.config=Module {JAAS}\n",
            "login-librdkafka.conf": "sasl.username=@username@\nsasl.password=@password@\n",
            "login-jaas": f"Module {JAAS}",
            "consumer.properties": "not a template",
        },
        username="svc@corp\n",
        password='a"b\\c=é\n',
    )
    assert code == DONE
    assert made == {
        "username": "svc@corp",
        "password": 'a"b\\c=é',
        "client.properties": 'sasl.jaas.config=Module required username="svc@corp" password="a\\\\"b\\\\\\\\c=\\u00e9";\n',
        "librdkafka.conf": 'sasl.username=svc@corp\nsasl.password=a"b\\c=é\n',
        "jaas": 'Module required username="svc@corp" password="a\\"b\\\\c=é";',
    }
    assert (tmp_path / "files" / "password").stat().st_mode & 0o777 == 0o440
    # A container that is run again in the same pod finds them there.
    again = [str(tmp_path / name) for name in ("templates", "secret", "files")]
    assert main(again) == DONE


def test_what_one_value_has_in_it_is_no_mark_for_the_other() -> None:
    made = files({"x.conf": "a=@username@ b=@password@"}, {"username": "@password@", "password": "@username@"})
    assert made["x.conf"] == "a=@password@ b=@username@"


def test_a_certificate_is_one_file_for_java_and_two_for_others(tmp_path: Path) -> None:
    code, made = run(tmp_path, {"login-client.properties": "x=@y@\n"}, tls_crt="CERT\n", tls_key="KEY\n", ca_crt="CA")
    assert code == DONE
    assert made == {"tls.crt": "CERT\n", "tls.key": "KEY\n", "user.pem": "KEY\nCERT\n", "client.properties": "x=@y@\n"}


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({}, "no text in its key username: it needs username and password"),
        ({"username": "a"}, "no text in its key password: it needs username and password"),
        ({"username": "a", "password": " \n"}, "no text in its key password"),
        ({"tls_crt": "a"}, "no text in its key tls.key: it needs tls.crt and tls.key"),
        ({"username": "a", "password": "b\nc"}, "the login's password has line breaks, control characters or blanks"),
        ({"username": "a\nsasl.jaas.config=x", "password": "b"}, "the login's username has line breaks"),
        ({"username": " a", "password": "b"}, "the login's username has line breaks, control characters or blanks"),
    ],
)
def test_a_secret_that_is_no_login_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], keys: dict[str, str], fault: str
) -> None:
    code, made = run(tmp_path, {"login-jaas": JAAS}, **keys)
    assert (code, made) == (REFUSED, {})
    told = capsys.readouterr().err
    assert fault in told
    assert "b\nc" not in told


def test_the_marks_are_those_of_the_files_that_workers_have() -> None:
    from kafka_platform.program import client_files as rendered

    assert rendered.TEMPLATE == client_login.TEMPLATE
    marks = {rendered._USERNAME: "username", rendered._PASSWORD: "password"}
    login = {"username": "u", "password": "p"}
    assert {files({"x": mark}, login)["x"] for mark in marks} == {"u", "p"}
