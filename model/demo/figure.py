"""The ablation as one picture: accuracy over the cost of an answer, for large structures and for tiny findings. SVG."""

import math
from html import escape
from typing import Any

_WIDE, _HIGH, _LEFT, _TOP = 400, 300, 56, 40
_COLOURS = {
    "low": "#6b7280",
    "low + middle": "#0e7490",
    "v1 faithful": "#b45309",
    "v1 cosine": "#a21caf",
    "v1 learned": "#15803d",
    "v2 pooled": "#1d4ed8",
}


def figure(found: dict[str, Any]) -> str:
    """Two panels. Filled: after the same steps; hollow: after the same compute; bars: 95 % intervals."""
    costs = [one["answer_gflops"] for one in found["arms"]]
    first, last = min(costs) / 1.3, max(costs) * 1.3

    def x_of(cost: float) -> float:
        return _LEFT + math.log(cost / first) / math.log(last / first) * _WIDE

    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 980 440" font-family="sans-serif" font-size="12">',
        "<title>Accuracy of six ways to show a picture, over the cost of the first answer</title>",
        '<rect width="980" height="440" fill="#ffffff"/>',
    ]
    for number, (key, title) in enumerate((("coarse", "Large structures"), ("fine", "Tiny findings"))):
        parts.append(f'<g transform="translate({number * 480} 0)">')
        parts += _axes(title, costs, x_of, found["majority"][key])
        for place, one in enumerate(found["arms"]):
            for stop, shift in (("steps", -4), ("compute", 4)):
                parts += _point(
                    one["arm"], x_of(one["answer_gflops"]) + shift + place, one["stops"][stop][key], stop
                )
        parts.append("</g>")
    for place, one in enumerate(found["arms"]):
        x, colour = 56 + place * 150, _COLOURS[one["arm"]]
        parts.append(f'<rect x="{x}" y="398" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 18}" y="408">{escape(one["arm"])} ({one["positions"]})</text>')
    parts.append(
        f'<text x="56" y="430">In brackets: visual positions. Filled: after {found["steps"]} steps; hollow: after the'
        " compute of v2. Bars: 95 % intervals over drawings. Dashed: majority answer.</text>"
    )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _axes(title: str, costs: list[float], x_of: Any, majority: float) -> list[str]:
    parts = [f'<text x="{_LEFT}" y="24" font-size="15" font-weight="bold">{escape(title)}</text>']
    for tenth in range(0, 11, 2):
        y = _y_of(tenth / 10)
        parts.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_LEFT + _WIDE}" y2="{y:.1f}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tenth / 10:.1f}</text>')
    y = _y_of(majority)
    parts.append(
        f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_LEFT + _WIDE}" y2="{y:.1f}" stroke="#111827" stroke-dasharray="5 4"/>'
    )
    for cost in sorted({float(f"{cost:.2g}") for cost in costs}):
        parts.append(
            f'<text x="{x_of(cost):.1f}" y="{_TOP + _HIGH + 18}" text-anchor="middle">{cost:g}</text>'
        )
    return [
        *parts,
        f'<text x="{_LEFT + _WIDE / 2}" y="{_TOP + _HIGH + 38}" text-anchor="middle">GFLOP for a first answer</text>',
    ]


def _point(arm: str, x: float, share: dict[str, float], stop: str) -> list[str]:
    colour = _COLOURS[arm]
    fill = colour if stop == "steps" else "#ffffff"
    return [
        f'<line x1="{x:.1f}" y1="{_y_of(share["low"]):.1f}" x2="{x:.1f}" y2="{_y_of(share["high"]):.1f}"'
        f' stroke="{colour}" stroke-width="2"/>',
        f'<circle cx="{x:.1f}" cy="{_y_of(share["value"]):.1f}" r="5" fill="{fill}" stroke="{colour}"'
        ' stroke-width="2"/>',
    ]


def _y_of(share: float) -> float:
    return _TOP + (1 - share) * _HIGH
