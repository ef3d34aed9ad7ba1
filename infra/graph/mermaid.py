"""Where data goes, as a Mermaid diagram."""

from infra.capabilities.capability import Program
from infra.graph.flow import Graph

MOST_ARROWS = 500
"""Mermaid's limit for arrows in one picture (`maxEdges`)."""


def mermaid(graph: Graph) -> str:
    """The picture, as GitHub, GitLab and many editors draw it."""
    topics = {topic: f"t{at}" for at, topic in enumerate(graph.topics)}
    users = {user: f"p{at}" for at, user in enumerate(sorted(graph.programs))}
    places = {place: f"o{at}" for at, place in enumerate(graph.places)}
    lines = ["flowchart LR"]
    lines += [f'  {node}[("{_shown(topic)}")]' for topic, node in topics.items()]
    lines += [f'  {node}["{_title(graph.programs[user])}"]' for user, node in users.items()]
    lines += [f'  {node}{{{{"{_shown(place)}"}}}}' for place, node in places.items()]
    for each in graph.arrows:
        ends = (users[each.user], topics[each.topic])
        lines.append(f"  {' --> '.join(ends if each.writes else ends[::-1])}")
    for user, program in graph.programs.items():
        for place in program.places:
            ends = (users[user], places[place])
            lines.append(f"  {' --> '.join(ends[::-1] if program.is_source else ends)}")
    return "\n".join(lines)


def _title(program: Program) -> str:
    tenant = "" if program.tenant is None else f"<br>tenant {_shown(program.tenant)}"
    return f"{_shown(program.called)}{tenant}"


def _shown(text: str) -> str:
    """Text as Mermaid takes it within quotes: names of users may have any characters."""
    return "".join(each if each.isalnum() or each in " .:_-*=@/" else f"#{ord(each)};" for each in text)
