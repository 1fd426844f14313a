"""Make the bundled fonts again: `python -m storage.pdf.make_fonts PACKAGE_FOLDER [WEB_FOLDER]`.

PACKAGE_FOLDER is the unpacked npm package @expo-google-fonts/noto-sans-kr 0.4.3 (Noto Sans KR 2.004,
OFL-1.1). Kept: Latin, symbols, every Hangul syllable and every hanja the font has, because a patient's
name may use any of them. Dropped: layout tables and hinting, which reportlab does not read.
WEB_FOLDER, when given, receives the same glyphs as woff2 for the page, and the Latin ones once more in
small files of their own, so that a page without Korean fetches little.
"""

import sys
from pathlib import Path

from fontTools import subset

WEIGHTS = {
    "Regular": "400Regular/NotoSansKR_400Regular.ttf",
    "SemiBold": "600SemiBold/NotoSansKR_600SemiBold.ttf",
}
FONTS = Path(__file__).parent / "fonts"
KEPT = [
    (0x20, 0x17F),  # Latin
    (0x2B0, 0x3FF),  # modifiers, Greek
    (0x400, 0x45F),  # Cyrillic
    (0x2000, 0x27BF),  # punctuation, letterlike, arrows, mathematics, shapes
    (0x3000, 0x33FF),  # CJK punctuation, kana, units
    (0x1100, 0x11FF),  # Hangul letters
    (0x4E00, 0x9FFF),  # hanja
    (0xAC00, 0xD7A3),  # Hangul syllables
    (0xF900, 0xFAFF),  # hanja, compatibility
    (0xFF00, 0xFFEF),  # full width
]
LATIN = [(0x20, 0x2FF), (0x370, 0x3FF), (0x2000, 0x22FF), (0x2460, 0x24FF), (0x25A0, 0x25FF)]


def make(
    source: Path, target: Path, flavor: str | None = None, kept: list[tuple[int, int]] | None = None
) -> None:
    """Write the subset of one font file; the same bytes for the same input."""
    options = subset.Options(
        layout_features=[], hinting=False, notdef_outline=True, flavor=flavor, recalc_timestamp=False
    )
    font = subset.load_font(str(source), options)
    maker = subset.Subsetter(options)
    maker.populate(unicodes=[code for first, last in kept or KEPT for code in range(first, last + 1)])
    maker.subset(font)
    subset.save_font(font, str(target), options)


def main(package: Path, web: Path | None = None) -> None:
    """Both weights, with the font's own licence beside them."""
    FONTS.mkdir(exist_ok=True)
    for weight, source in WEIGHTS.items():
        make(package / source, FONTS / f"NotoSansKR-{weight}.ttf")
        if web:
            web.mkdir(parents=True, exist_ok=True)
            make(package / source, web / f"NotoSansKR-{weight}.woff2", flavor="woff2")
            make(package / source, web / f"NotoSansKR-Latin-{weight}.woff2", flavor="woff2", kept=LATIN)
    (FONTS / "OFL.txt").write_bytes((package / "LICENSE_FONT").read_bytes())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
