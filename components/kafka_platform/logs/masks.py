"""What secrets in lines look like. No Pulumi.

The expressions are those of RE2, which take time in proportion to the line. What the group `keep` matches stays, so that the
name of what was masked can be read.
"""

_NAMES = r"(?:passw(?:or)?d|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)"

SECRETS = (
    # "password": "...", and the same inside of a string of JSON.
    rf"""(?i)(?P<keep>{_NAMES}\\?["']?\s*[:=]\s*\\?["'])[^"'\\]+""",
    # password=..., up to what ends a value in logs and in URLs.
    rf"""(?i)(?P<keep>{_NAMES}\s*[:=]\s*)[^\s"'\\,;&\[][^\s"'\\,;&]*""",
    r"(?i)(?P<keep>\b(?:bearer|basic)\s+)[a-z0-9._~+/=-]{8,}",
    # JSON web tokens.
    r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*",
    # scheme://user:password@host
    r"(?P<keep>://[^\s:/@]*:)[^\s/@]+(?P<rest>@)",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
    # AWS, GitHub, Slack.
    r"\b(?:(?:AKIA|ASIA)[A-Z0-9]{16}|gh[opsru]_[A-Za-z0-9]{20,}|xox[abeoprs]-[A-Za-z0-9-]{10,})\b",
)
MASKED = "${keep}[masked]${rest}"
"""What is written instead; a group that an expression does not have is empty."""
