"""The errors that the API returns: every status and code, and what each means."""

from collections.abc import Mapping

from kafka_platform_runtime.gateway.openapi.elements import STRING, V2, Json, content, object_of

ERRORS: Mapping[int, Mapping[int, str]] = {
    400: {
        40001: "The body is not JSON: JSON is malformed: invalid character (byte 12).",
    },
    401: {40101: "Kafka does not accept these credentials."},
    403: {
        40301: "payment-api may not READ topic orders: add it to its `reads`.",
        40302: "A page of origin https://shop.example may not call this gateway: cors must name its origin.",
    },
    404: {
        40400: "There is nothing at this path: see /openapi.json.",
        40401: "Topic orders does not exist.",
        40402: "Topic orders has no partition 99.",
        40403: "Consumer instance c1 of group shop was not found.",
    },
    405: {40501: "Use GET, POST here."},
    406: {
        40601: "This instance was made for the format json: accept application/vnd.kafka.json.v2+json, or make another one.",
    },
    408: {40801: "The body did not arrive within 30 s."},
    409: {
        40902: "Consumer instance c1 exists already in group shop: choose another name or delete it.",
        40903: "Subscribe either to topics or to a topic_pattern.",
        40904: "Topic orders: exists already.",
    },
    413: {
        41301: "The body has 2097152 bytes: at most 1048576 are accepted.",
        41302: "Offset 7 of partition 0 of topic orders cannot be unpacked: its batch is damaged, or has more than 16 MiB. "
        "What follows can be read from offset 8 on.",
    },
    415: {
        41501: "Set Content-Type to application/vnd.kafka.FORMAT.v2+json; FORMAT is one of json, binary, text, "
        "text-json, text-binary, json-text, json-binary, binary-json, binary-text.",
        41502: "Content-Encoding 'br' is not supported: send the body uncompressed or as gzip.",
    },
    416: {41601: "Offset 99 is out of range: partition 0 of topic orders has 10 to 50."},
    417: {41701: "Expect 100-continue, or nothing."},
    422: {42201: "records[0].value: is not base64."},
    429: {42901: "Kafka throttles user shop: over the quota."},
    431: {43101: "The head of the request is too large: at most 32768 bytes and 100 fields are accepted."},
    500: {
        50001: "Internal error in the gateway: its log has the details.",
        50002: "Topic orders: Broker: Unknown server error.",
    },
    503: {
        50003: "Record 0: Broker: Not enough in-sync replicas: try again.",
        50301: "The gateway has reached its limit of requests in flight: try again in a moment.",
    },
    504: {50401: "Record 0: Kafka did not answer in time: unknown whether it was done (Local: Message timed out)."},
}
"""Every code by status, with a sample message."""

MEANINGS = {
    400: "The request cannot be understood.",
    401: "No credentials, or Kafka does not accept them.",
    403: "Kafka's ACLs do not allow it, or a browser sends this for a page of another site.",
    404: "There is no such path, topic, partition or consumer instance.",
    405: "Method not allowed; the header Allow lists the accepted ones.",
    406: "No format in the header Accept is supported.",
    408: "The request arrived too slowly.",
    409: "It exists already, or contradicts the current state.",
    413: "The body, the number of records or their unpacked size exceeds the gateway's limit, or a record the topic's.",
    415: "The content type or encoding of the body is not supported.",
    416: "No record has this offset, and the next one will not either.",
    417: "The expectation in the header Expect is not supported.",
    422: "The body is well-formed but invalid.",
    429: "This user is over a gateway limit or a Kafka quota; Retry-After says how long to wait.",
    431: "The head of the request is too large.",
    500: "Kafka refused for an unexpected reason, or the gateway is at fault.",
    503: "The gateway is over a limit, or Kafka cannot do it at the moment; Retry-After says how long to wait.",
    504: "Kafka did not answer in time: unknown whether it was done.",
}

ERROR: Json = object_of(
    {
        "error_code": {"type": "integer", "description": "The status and two more digits."},
        "message": {"type": "string", "description": "One sentence."},
    },
    ["error_code", "message"],
)
"""Schema of the body of every error."""


def failure(status: int) -> Json:
    """The response with a status: what it means, and an example of each of its codes."""
    examples = {str(code): {"error_code": code, "message": text} for code, text in ERRORS[status].items()}
    made: Json = {"description": MEANINGS[status], "content": content(V2, "Error", examples)}
    if status in {429, 503}:
        made["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    if status == 401:
        made["headers"] = {"WWW-Authenticate": {"schema": STRING}}
    if status == 405:
        made["headers"] = {"Allow": {"schema": STRING}}
    return made
