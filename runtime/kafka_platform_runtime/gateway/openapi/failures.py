"""The errors that the API returns: every status and code, and what each means."""

from collections.abc import Mapping

from kafka_platform_runtime.gateway.openapi.elements import STRING, V2, Json, content, object_of

ERRORS: Mapping[int, Mapping[int, str]] = {
    400: {
        40001: "The body is not JSON: JSON is malformed: invalid character (byte 12).",
    },
    401: {40101: "Kafka does not accept these credentials."},
    403: {
        40301: "Topic orders: this user may not do this on the topic: an ACL must allow it.",
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
        41301: "The body has 2097152 bytes: at most 1048576 are taken.",
        41302: "Offset 7 of partition 0 of topic orders cannot be unpacked: its batch is damaged, or has more than 16 MiB. "
        "What follows can be read from offset 8 on.",
    },
    415: {
        41501: "Set Content-Type to application/vnd.kafka.json.v2+json, application/vnd.kafka.binary.v2+json "
        "or application/vnd.kafka.text.v2+json.",
        41502: "Content-Encoding 'br' is not taken: send the body as it is, or by gzip.",
    },
    416: {41601: "Offset 99 is out of range: partition 0 of topic orders has 10 to 50."},
    417: {41701: "Expect 100-continue, or nothing."},
    422: {42201: "records[0].value: is not base64."},
    429: {42901: "Kafka throttles user shop: over the quota."},
    431: {43101: "The head of the request is too large: at most 32768 bytes and 100 fields are taken."},
    500: {
        50001: "The gateway has a fault: it was written to its log.",
        50002: "Topic orders: Broker: Unknown server error.",
    },
    503: {
        50003: "Record 0: Broker: Not enough in-sync replicas: try again.",
        50301: "The gateway has as many requests in flight as it may: try again in a moment.",
    },
    504: {50401: "Record 0: Kafka did not answer in time: unknown whether it was done (Local: Message timed out)."},
}
"""Every code by status, with a sample message."""

MEANINGS = {
    400: "The request cannot be understood.",
    401: "No credentials, or Kafka does not accept them.",
    403: "Kafka's ACLs do not allow it, or a browser asks for a page of another site.",
    404: "There is no such path, topic, partition or consumer instance.",
    405: "Not with this method; the header Allow has those that are taken.",
    406: "No format that the header Accept names is known here.",
    408: "The request arrived too slowly.",
    409: "It exists already, or contradicts what was said before.",
    413: "The body, the number of records or what they unpack to is over the gateway's limit, or a record over the topic's.",
    415: "The body has a content type, or an encoding, that is not known here.",
    416: "There is no record at this offset, and it is not the next either.",
    417: "The request expects what nobody here does.",
    422: "The body can be read, and is not what is asked for.",
    429: "This user has to wait: over a limit of the gateway or a quota of Kafka; Retry-After says how long.",
    431: "The head of the request is too large.",
    500: "Kafka has refused for a reason that nobody here can help, or the gateway has a fault.",
    503: "Everybody has to wait: a limit of the gateway, or Kafka cannot do it at the moment; Retry-After says how long.",
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
