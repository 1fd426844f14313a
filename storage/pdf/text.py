"""Any text as markup that reportlab can be trusted with: escaped, normal, and never an empty box.

reportlab's paragraphs are a small language that can open files and links, so every value is escaped
and the only markup is what this file adds. A character that the font lacks is written as its code
point; leaving it out would change what was signed, and an empty box would hide it.
"""

import unicodedata
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

REGULAR, STRONG = "DragonflySans", "DragonflySans-Strong"
FONTS = Path(__file__).parent / "fonts"
LOWERED = {chr(0x2080 + digit): str(digit) for digit in range(10)} | {"₊": "+", "₋": "−"}
RAISED = {chr(0x2070 + digit): str(digit) for digit in range(4, 10)} | {"⁰": "0", "⁺": "+", "⁻": "−"}


@cache
def register_fonts() -> frozenset[int]:
    """Make both weights known to reportlab once, and say which code points both can draw."""
    covered: list[set[int]] = []
    for name, file in ((REGULAR, "NotoSansKR-Regular.ttf"), (STRONG, "NotoSansKR-SemiBold.ttf")):
        font = TTFont(name, FONTS / file)
        pdfmetrics.registerFont(font)
        covered.append(set(font.face.charToGlyph))
    pdfmetrics.registerFontFamily(REGULAR, normal=REGULAR, bold=STRONG, italic=REGULAR, boldItalic=STRONG)
    return frozenset(covered[0] & covered[1])


def plain(text: str) -> str:
    """Text for places that take no markup: normal form C, one line, every character drawable."""
    drawable = register_fonts()
    return "".join(_shown(character, drawable) for character in _one_line(text))


def markup(text: str) -> str:
    """Text for a paragraph: as `plain`, escaped, with small digits lowered and raised by markup."""
    drawable = register_fonts()
    return "".join(_marked(character, drawable) for character in _one_line(text))


def _one_line(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _marked(character: str, drawable: frozenset[int]) -> str:
    if ord(character) not in drawable:
        if character in LOWERED:
            return f"<sub>{LOWERED[character]}</sub>"
        if character in RAISED:
            return f"<super>{RAISED[character]}</super>"
    return escape(_shown(character, drawable))


def _shown(character: str, drawable: frozenset[int]) -> str:
    # Format characters (joiners, direction marks) draw nothing but can turn the order of what is read.
    if ord(character) in drawable and unicodedata.category(character) not in ("Cc", "Cf", "Co", "Cs"):
        return character
    return f"[U+{ord(character):04X}]"
