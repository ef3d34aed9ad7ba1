"""Whether a user's password is still the one that was set: Kafka does not reveal it, so the ledger keeps a salted hash.

Only the administrator may read the ledger, which reveals no more than Kafka's own metadata: that holds a salted
hash of each password too (RFC 5802).
"""

import hashlib
import hmac
import secrets

ROUNDS = 8192
"""The same as in the SCRAM credentials: neither is the easier way to a password."""


def fingerprint(password: str, salt: str | None = None) -> str:
    """`<salt>:<hash>`, with a new salt unless one is given."""
    salt = salt or secrets.token_hex(16)
    return f"{salt}:{hashlib.pbkdf2_hmac('sha512', password.encode(), bytes.fromhex(salt), ROUNDS).hex()}"


def matches(password: str, kept: str) -> bool:
    """Whether the fingerprint belongs to this password."""
    return hmac.compare_digest(fingerprint(password, kept.partition(":")[0]), kept)
