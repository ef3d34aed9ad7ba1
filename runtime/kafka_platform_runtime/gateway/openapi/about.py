"""Routes about the gateway itself: its version, this description, and its health."""

from kafka_platform_runtime.gateway.openapi.elements import STRING, Json, content, object_of, operation

SCHEMAS: Json = {
    "Information": object_of({"bridge_version": STRING}, ["bridge_version"]),
}

PLAIN: Json = {"text/plain": {"schema": STRING}}


def paths() -> Json:
    """The operations about the gateway itself, by path."""
    return {
        "/": {
            "get": operation(
                "information",
                "About",
                "Version as JSON; for browsers (Accept: text/html) a page to try the API",
                {
                    "200": {
                        "description": "The version, in the Strimzi bridge's form.",
                        "content": {
                            **content("application/json", "Information", {"response": {"bridge_version": "0.1.0"}}),
                            "text/html": {"schema": STRING},
                        },
                    }
                },
                (),
                public=True,
            )
        },
        "/openapi.json": {"get": _description("openapi")},
        "/openapi": {"get": _description("openapiAlias")},
        "/healthz": {
            "get": operation(
                "healthz",
                "About",
                "Whether the program runs",
                {"200": {"description": "It does.", "content": PLAIN}},
                (),
                public=True,
            )
        },
        "/readyz": {
            "get": operation(
                "readyz",
                "About",
                "Whether Kafka answers and the program is not about to end",
                {
                    "200": {"description": "Both.", "content": PLAIN},
                    "503": {"description": "One line with the reason why not.", "content": PLAIN},
                },
                (),
                public=True,
            )
        },
    }


def _description(identity: str) -> Json:
    return operation(
        identity,
        "About",
        "This description",
        {"200": {"description": "OpenAPI 3.1.", "content": {"application/json": {"schema": {"type": "object"}}}}},
        (),
        public=True,
    )
