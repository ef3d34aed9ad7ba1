"""Whether a user's password is still the one that was set: Kafka does not tell, so the ledger keeps a salted hash of it.

Only the administrator may read the ledger, and it reads there no more than in Kafka's own metadata, which holds a salted
hash of each password too (RFC 5802).
"""

import hashlib
import hmac
import secrets

ROUNDS = 8192
"""As many as the SCRAM credentials themselves have: neither is the easier way to a password."""


def fingerprint(password: str, salt: str | None = None) -> str:
    """`<salt>:<hash>`, with a new salt unless one is given."""
    salt = salt or secrets.token_hex(16)
    return f"{salt}:{hashlib.pbkdf2_hmac('sha512', password.encode(), bytes.fromhex(salt), ROUNDS).hex()}"


def matches(password: str, kept: str) -> bool:
    """Whether the fingerprint is this password's."""
    return hmac.compare_digest(fingerprint(password, kept.partition(":")[0]), kept)
