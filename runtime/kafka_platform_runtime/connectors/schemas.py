"""Records whose schemas are in a registry, as JSON: Avro, JSON Schema and Protobuf, as Confluent's clients write them."""

import base64
import ssl
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kafka_platform_runtime.connectors.records import Outcome, Record, Refusal, Target
from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.gateway.schemas.compiling import Codec, Reference, compiled
from kafka_platform_runtime.gateway.schemas.misfit import Misfit, Unusable
from kafka_platform_runtime.json_client import JsonClient, reason

HEADER_BYTES = 5
"""A zero, and the schema's number."""
MOST_SCHEMAS = 100
"""That are kept compiled: a sink reads a few topics."""
MOST_REFERENCES = 50
LONGEST_TEXT = 256 * 1024
"""Bytes of a schema, also of those that it refers to."""
SECONDS = 10.0


class Registry:
    """Schemas by their numbers, which never change.

    Args:
        url: of the API of Confluent's clients.
        login: folder with `username` and `password`; None if there is none.
        authority: file with the authority of its certificate; None for public ones.
    """

    def __init__(self, url: str, login: Path | None, authority: Path | None) -> None:
        headers = {"Accept": "application/json"}
        try:
            if login is not None:
                user, password = ((login / key).read_text().rstrip("\r\n") for key in ("username", "password"))
                headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
            context = None if authority is None else ssl.create_default_context(cafile=str(authority))
        except (OSError, UnicodeDecodeError) as error:
            raise Refused([f"the login to the schema registry cannot be read: {error}"]) from error
        self._client = JsonClient("the schema registry", url, headers, timeout_seconds=SECONDS, context=context)
        self._codecs: OrderedDict[int, Codec] = OrderedDict()

    def json(self, content: bytes) -> bytes:
        """The JSON text of what was written with a schema; anything else as it is.

        Raises:
            Transient: the registry does not answer.
            Refused: it has no such schema, or the content does not fit it.
        """
        if len(content) < HEADER_BYTES or content[0]:
            return content
        try:
            return self._codec(int.from_bytes(content[1:HEADER_BYTES])).read(content[HEADER_BYTES:])
        except (Misfit, Unusable) as misfit:
            raise Refused([f"it cannot be read by its schema: {misfit}"]) from misfit
        except (ValueError, IndexError, OverflowError) as error:
            raise Refused([f"it does not fit its schema: {error}"]) from error

    def _codec(self, number: int) -> Codec:
        if number not in self._codecs:
            found = self._asked(f"/schemas/ids/{number}")
            if found is None:
                raise Refused([f"the schema registry has no schema {number}"])
            text = str(found.get("schema", ""))
            self._codecs[number] = compiled(str(found.get("schemaType") or "AVRO"), text, self._references(found))
            if len(self._codecs) > MOST_SCHEMAS:
                self._codecs.popitem(last=False)
        self._codecs.move_to_end(number)
        return self._codecs[number]

    def _references(self, schema: Mapping[str, Any]) -> list[Reference]:
        """The schemas that one refers to, each after those that it refers to itself."""
        found: dict[tuple[str, int], Reference] = {}
        begun: dict[tuple[str, int], list[str]] = {}

        def collect(one: Mapping[str, Any], size: int) -> None:
            size += len(str(one.get("schema", "")).encode(errors="surrogatepass"))
            if size > LONGEST_TEXT:
                raise Unusable(f"has more than {LONGEST_TEXT:,} bytes with what it refers to")
            for each in one.get("references") or ():
                version = (str(each["subject"]), int(each["version"]))
                names = begun.setdefault(version, [])
                names.append(str(each["name"]))
                if len(names) > 1:
                    continue
                if len(begun) > MOST_REFERENCES:
                    raise Unusable(f"has more than {MOST_REFERENCES} references")
                answer = self._asked(f"/subjects/{quote(version[0], safe='')}/versions/{version[1]}")
                if answer is None:
                    raise Unusable(f"refers to {version[0]}, which is not there")
                collect(answer, size)
                found[version] = Reference(names=list(dict.fromkeys(names)), text=str(answer["schema"]))

        collect(schema, 0)
        return list(found.values())

    def _asked(self, path: str) -> Mapping[str, Any] | None:
        status, answer = self._client.ask("GET", path)
        if status == 404:
            return None
        if status != 200 or not isinstance(answer, dict):
            raise Transient(f"the schema registry answers {status}: {reason(answer)}")
        return answer


class Decoding:
    """A target that gets JSON.

    Args:
        target: which gets the records.
        registry: with their schemas.
    """

    def __init__(self, target: Target, registry: Registry) -> None:
        self._target = target
        self._registry = registry

    def open(self) -> None:
        """That of the target."""
        self._target.open()

    def close(self) -> None:
        """That of the target."""
        self._target.close()

    def deliver(self, records: Sequence[Record]) -> Outcome:
        """What cannot be read is refused as it was, and so is what the target refuses: dead letters can be read again."""
        given: dict[int, Record] = {}
        readable, refused = [], []
        for each in records:
            try:
                made = replace(each, key=self._json(each.key), value=self._json(each.value))
            except Refused as refusal:
                refused.append(Refusal(record=each, reason="; ".join(refusal.faults)))
                continue
            given[id(made)] = each
            readable.append(made)
        outcome = self._target.deliver(readable) if readable else Outcome()
        back = [replace(each, record=given.get(id(each.record), each.record)) for each in outcome.refused]
        return replace(
            outcome,
            refused=[*refused, *back],
            left=[given.get(id(each), each) for each in outcome.left],
        )

    def _json(self, content: bytes | None) -> bytes | None:
        return None if content is None else self._registry.json(content)
