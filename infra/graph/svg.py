"""Where data goes, as a picture that needs nothing else to be drawn (SVG)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from unicodedata import east_asian_width
from xml.sax.saxutils import escape

from infra.graph.flow import Graph
from infra.graph.layout import Point, lay_out
from infra.live.text import shown

MOST_ARROWS = 2_000
"""Arrows of one picture: more of them are one dark surface."""
LONGEST = 36
"""Characters of a name; all of it is the title of its node, which browsers show."""
_LETTER = 7.3
"""Width of a character: the text is set in a font with one width."""
_LINE = 16.0
_MARGIN = 16.0

_STYLE = (
    "text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;text-anchor:middle;fill:#1f2328}"
    ".of{fill:#59636e;font-size:11px}"
    ".topic{fill:#ddf4ff;stroke:#0969da}.program{fill:#fff;stroke:#59636e}.place{fill:#fff8c5;stroke:#9a6700}"
    ".way{fill:none;stroke:#59636e;stroke-width:1.2}"
)


@dataclass(frozen=True, kw_only=True)
class _Node:
    """What is drawn in one place."""

    kind: str
    """`topic`, `program` or `place`."""
    title: str
    below: str = ""
    """A second line."""

    @property
    def lines(self) -> Sequence[str]:
        return [shown(each, LONGEST) for each in (self.title, self.below) if each]

    @property
    def size(self) -> tuple[float, float]:
        longest = max(sum(2 if east_asian_width(one) in "WF" else 1 for one in each) for each in self.lines)
        return longest * _LETTER + 28.0, len(self.lines) * _LINE + 12.0


def svg(graph: Graph) -> str:
    """The picture: topics are round, programs have corners, other systems are pointed."""
    nodes = dict(_nodes(graph))
    layout = lay_out({each: node.size for each, node in nodes.items()}, list(dict.fromkeys(_arrows(graph))))
    width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" role="img">',
        f"<style>{_STYLE}</style>",
        '<defs><marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#59636e"/></marker></defs>',
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<g transform="translate({_MARGIN:.0f} {_MARGIN:.0f})">',
        *(f'<path class="way" d="{_curve(way)}" marker-end="url(#end)"/>' for way in layout.ways.values() if way),
        *(_drawn(nodes[each], middle) for each, middle in layout.places.items()),
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines)


def _nodes(graph: Graph) -> Iterator[tuple[str, _Node]]:
    for topic in graph.topics:
        yield f"topic {topic}", _Node(kind="topic", title=topic)
    for user, program in sorted(graph.programs.items()):
        below = "" if program.tenant is None else f"tenant {program.tenant}"
        yield f"program {user}", _Node(kind="program", title=program.called, below=below)
    for place in graph.places:
        yield f"place {place}", _Node(kind="place", title=place)


def _arrows(graph: Graph) -> Iterator[tuple[str, str]]:
    for each in graph.arrows:
        ends = (f"program {each.user}", f"topic {each.topic}")
        yield ends if each.writes else ends[::-1]
    for user, program in graph.programs.items():
        for place in program.places:
            ends = (f"program {user}", f"place {place}")
            yield ends[::-1] if program.is_source else ends


def _curve(points: Sequence[Point]) -> str:
    """Through the points, level at each of them."""
    (x, y), *others = points
    parts = [f"M{x:.1f} {y:.1f}"]
    for far, below in others:
        half = (x + far) / 2
        parts.append(f"C{half:.1f} {y:.1f} {half:.1f} {below:.1f} {far:.1f} {below:.1f}")
        x, y = far, below
    return "".join(parts)


def _drawn(node: _Node, middle: Point) -> str:
    (x, y), (width, height) = middle, node.size
    left, top = x - width / 2, y - height / 2
    if node.kind == "place":
        edge = 10.0
        corners = (
            (left, y),
            (left + edge, top),
            (left + width - edge, top),
            (left + width, y),
            (left + width - edge, top + height),
            (left + edge, top + height),
        )
        shape = f'<polygon class="place" points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in corners)}"/>'
    else:
        corner = height / 2 if node.kind == "topic" else 3
        shape = f'<rect class="{node.kind}" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{corner:.1f}"/>'
    first = y - (len(node.lines) - 1) * _LINE / 2 + 4
    texts = "".join(
        f'<text x="{x:.1f}" y="{first + at * _LINE:.1f}"{_CLASSES[at]}>{escape(line)}</text>'
        for at, line in enumerate(node.lines)
    )
    title = escape(" ".join(shown(each) for each in (node.title, node.below) if each))
    return f"<g><title>{title}</title>{shape}{texts}</g>"


_CLASSES: Mapping[int, str] = {0: "", 1: ' class="of"'}
