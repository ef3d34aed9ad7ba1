"""Rights in Kafka that users gain and lose."""

from collections.abc import Iterator, Mapping

from infra.reading.rights import Right, powers
from infra.review.declared import Declared
from infra.review.findings import Finding, Section
from infra.review.quantities import names, size


def user_findings(before: Declared, after: Declared) -> Iterator[Finding]:
    """Rights that users gain and lose."""
    for key in dict.fromkeys([*after.users, *before.users]):
        was, is_, name = before.users.get(key), after.users.get(key), key[1]
        if is_ is None:
            assert was is not None  # noqa: S101  # the key is of one of the two
            gone = "removed: can no longer log in, and if it comes back it has a new password"
            kept = "no longer declared: it was taken over, and keeps its password and its rights"
            yield _user(name, kept if was.adopted else gone, look=True)
            continue
        gained = is_.rights - (was.rights if was else frozenset())
        lost = (was.rights if was else frozenset()) - is_.rights
        wide = any(right.wide for right in gained)
        was_adopted = was is not None and was.adopted
        if is_.adopted and not was_adopted:
            yield _user(name, "is taken over if it exists: what is not declared of it stays", look=True)
        if was_adopted and not is_.adopted:
            yield _user(
                name, "is no longer one that was taken over: nothing may be left that is not declared", look=True
            )
        if was is None:
            yield _user(name, f"new: {'may ' + allowed(gained) if gained else 'may do nothing yet'}", look=wide)
        elif gained:
            yield _user(name, f"may now {allowed(gained)}", look=wide or any(each.denied for each in lost))
        for power in powers(gained):
            yield _user(name, power, look=True)
        if lost:
            yield _user(name, f"may no longer {allowed(lost)}", look=any(each.denied for each in lost))
        if was is not None and was.password_version != is_.password_version:
            yield _user(name, "gets a new password: its applications have to read it again")
        yield from _quotas(name, was.quotas if was else {}, is_.quotas, new=was is None)


def allowed(rights: frozenset[Right]) -> str:
    """The rights in words: `write orders; read customers; join groups payments-*`."""
    by_verb: dict[str, set[str]] = {}
    # The right to read or write something includes the right to see that it exists.
    told = {(each.resource, each.name, each.denied) for each in rights if each.operation in ("READ", "WRITE", "ALL")}
    for each in sorted(rights):
        if each.operation == "DESCRIBE" and (each.resource, each.name, each.denied) in told:
            continue
        verb = _VERBS.get((each.resource, each.operation), f"{each.operation} on {each.resource}")
        if each.denied:
            verb = f"(denied) {verb}"
        by_verb.setdefault(verb, set()).add(each.name)
    return "; ".join(f"{verb} {names(sorted(found), 20)}" for verb, found in by_verb.items())


_VERBS = {
    ("topic", "WRITE"): "write",
    ("topic", "READ"): "read",
    ("topic", "DESCRIBE"): "see",
    ("group", "READ"): "join groups",
    ("group", "DESCRIBE"): "see groups",
    ("transactionalId", "WRITE"): "use transactions",
    ("transactionalId", "DESCRIBE"): "see transactions",
}


def _quotas(name: str, was: Mapping[str, float], is_: Mapping[str, float], *, new: bool) -> Iterator[Finding]:
    for key in sorted(key for key in was.keys() | is_.keys() if was.get(key) != is_.get(key)):
        old, now = (_quota(key, each.get(key)) for each in (was, is_))
        word = {"producer_byte_rate": "produce", "consumer_byte_rate": "consume"}.get(key, key.replace("_", " "))
        text_ = f"quota {word}: {now}" if new else f"quota {word}: {old} -> {now}"
        yield Finding(section=Section.CAPACITY, what="user", subject=name, text=text_, look=key not in is_)


def _quota(key: str, value: float | None) -> str:
    if value is None:
        return "no limit"
    return f"{size(int(value))}/s" if key.endswith("byte_rate") else f"{value:g}"


def _user(name: str, what_happens: str, *, look: bool = False) -> Finding:
    return Finding(section=Section.ACCESS, what="user", subject=name, text=what_happens, look=look)
