"""HTTP requests that carry a login and must not take it to another address."""

import urllib.request
from typing import Any


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Whoever is redirected to would get the login, perhaps in the clear."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none: the answer is an error."""
