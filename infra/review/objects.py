"""What changes of objects mean, whatever their kind; what no rule knows is listed as it is."""

from collections.abc import Iterator, Sequence

from infra.review import ownership
from infra.review.changes import Change, Operation
from infra.review.context import Context, identity, say
from infra.review.differences import changed, follows
from infra.review.findings import Finding, Section
from infra.review.quantities import code, names
from infra.review.sentences import NOTHING, SENTENCES, Sentence


def findings(changes: Sequence[Change]) -> Iterator[Finding]:
    """What is to be said about changed objects; topics and users of Kafka are not among it."""
    context = Context(changes)
    for change in changes:
        if change.component:
            continue
        yield from _guards(change)
        yield from ownership.findings(change)
        if change.operation is Operation.SAME or ownership.only_marks(change, changed(change)):
            continue
        sentence = SENTENCES.get(change.kind, NOTHING)
        said = list(sentence.says(change, context))
        yield from said
        # What a rule has put into words is not said a second time; of updates, whatever no rule knows is always shown.
        if not said or change.operation in (Operation.UPDATE, Operation.REPLACE):
            yield from _rest(change, context, sentence)


def _guards(change: Change) -> Iterator[Finding]:
    """What keeps a resource or its object from going, if it is taken away; a topic's is said of the topic."""
    if change.before is None or change.after is None:
        return
    if change.protected and not change.protected_after:
        yield say(change, Section.DATA, "is no longer protected: the next change may delete it", look=True)
    if change.retained and not change.retained_after and change.record.declares is None:
        yield say(change, Section.DATA, "is no longer kept when its resource goes", look=True)


def _rest(change: Change, context: Context, sentence: Sentence) -> Iterator[Finding]:
    operation = change.operation
    if operation is Operation.UPDATE:
        paths = [path for path in changed(change) if not (follows(path) or sentence.covers(path))]
        shown = dict.fromkeys(".".join(path.split(".")[:_DEPTH]) for path in paths)
        if shown:
            yield say(change, Section.OTHER, f"updated: {names(shown, 6)}")
        return
    if operation is Operation.REPLACE and change.record.runs_again:
        yield say(change, Section.OTHER, "runs again")
        return
    if operation is Operation.REPLACE:
        because = f" because of {names(change.reasons, 4)}" if change.reasons else ""
        stateful = change.record.stateful
        detail = ": what it holds goes with the old one" if stateful else ""
        section = Section.DATA if stateful else Section.OTHER
        yield say(change, section, f"replaced{because}{detail}", look=stateful)
        return
    key = identity(change)
    if key in context.made_again:
        if operation is Operation.DELETE and not change.retained:
            other = context.made_again[key].resource_name
            yield say(
                change,
                Section.DATA,
                f"the resource {code(change.resource_name)} is now called {code(other)}: without an alias the object is "
                "made and then deleted",
                look=True,
            )
        return
    if change.record.declares is not None:
        return  # said of the topic or the user
    if operation is Operation.DELETE:
        if change.protected:
            yield say(change, Section.OTHER, "is protected: the deployment will be refused")
        if change.retained:
            yield say(change, Section.OTHER, "no longer managed; the object stays")
        else:
            yield say(change, Section.OTHER, "deleted")
        return
    yield say(change, Section.OTHER, operation.value)


_DEPTH = 4
"""Keys of a path that are shown: enough to see what it is about, short enough to put equal changes together."""
