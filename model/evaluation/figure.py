"""A figure of scores as SVG: a dot with its interval in each row, open marks for what others report."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

ROW_PX, LEFT_PX, RIGHT_PX, TOP_PX, PLOT_PX = 26, 270, 120, 58, 420
INK, SOFT, LINE = "#1f2933", "#616e7c", "#cbd2d9"


@dataclass(frozen=True, slots=True)
class Mark:
    """What somebody else reports, in percent."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One row: percent, its interval, how many examples, what others report."""

    label: str
    value: float
    low: float
    high: float
    count: int
    marks: tuple[Mark, ...] = ()


def figure(title: str, bars: Sequence[Bar], note: str, *, top: float = 100.0) -> str:
    """SVG text; the axis is percent from 0, or from below it, to `top` or above it."""
    values = [value for one in bars for value in (one.low, one.high, *(mark.value for mark in one.marks))]
    first, last = min([0.0, *values]), max([top, *values])
    height, width = TOP_PX + ROW_PX * len(bars) + 46, LEFT_PX + PLOT_PX + RIGHT_PX

    def across(value: float) -> str:
        return f"{LEFT_PX + PLOT_PX * (value - first) / ((last - first) or 1):.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12" fill="{INK}">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="16" y="26" font-size="16">{escape(title)}</text>',
        f'<text x="16" y="44" fill="{SOFT}">{escape(note)}</text>',
    ]
    bottom = TOP_PX + ROW_PX * len(bars)
    for step in range(5):
        at = first + (last - first) * step / 4
        parts += [
            f'<line x1="{across(at)}" y1="{TOP_PX}" x2="{across(at)}" y2="{bottom}" stroke="{LINE}"/>',
            f'<text x="{across(at)}" y="{bottom + 18}" text-anchor="middle" fill="{SOFT}">{at:g}</text>',
        ]
    for place, one in enumerate(bars):
        y = TOP_PX + ROW_PX * place + ROW_PX / 2
        parts += [
            f'<text x="{LEFT_PX - 12}" y="{y + 4:g}" text-anchor="end">{escape(one.label)}</text>',
            f'<line x1="{across(one.low)}" y1="{y:g}" x2="{across(one.high)}" y2="{y:g}" stroke="{INK}" stroke-width="3"/>',
            f'<circle cx="{across(one.value)}" cy="{y:g}" r="5"/>',
            f'<text x="{LEFT_PX + PLOT_PX + 12}" y="{y + 4:g}">{one.value:.1f} (n {one.count})</text>',
        ]
        for mark in one.marks:
            told = escape(f"{mark.name}: {mark.value:g}, reported")
            parts.append(
                f'<rect x="{float(across(mark.value)) - 4:.1f}" y="{y - 4:g}" width="8" height="8" fill="none" '
                f'stroke="{SOFT}" stroke-width="1.5"><title>{told}</title></rect>'
            )
    return "\n".join([*parts, "</svg>"]) + "\n"
