"""A drawn MRXS slide: three levels of square cells, (8 * column, 8 * row, 128) each; written by the reader's account."""

from io import BytesIO
from struct import pack

import numpy as np
from PIL import Image

SLIDE_ID = "0123456789ABCDEF0123456789ABCDEF"
SIDE, ACROSS, LEVELS = 256, 4, 3
HEAD = b"a head of some bytes"


def mirax(cell: int = 64, data_name: str = "Data0000.dat") -> dict[str, bytes]:
    """The files of the slide's folder by name; data_name: what the index calls the second of its two data files."""
    place = np.arange(SIDE * ACROSS) // cell * 8 % 256
    whole = np.full((SIDE * ACROSS, SIDE * ACROSS, 3), 128, np.uint8)
    whole[..., 0], whole[..., 1] = place[None], place[:, None]
    data, pages = bytearray(HEAD), []
    for level in range(LEVELS):
        factor, page = 1 << level, []
        small = whole[::factor, ::factor]
        for y in range(0, ACROSS, factor):
            for x in range(0, ACROSS, factor):
                top, left = y // factor * SIDE, x // factor * SIDE
                out = BytesIO()
                Image.fromarray(small[top : top + SIDE, left : left + SIDE]).save(out, "PNG")
                page.append((y * ACROSS + x, len(data), len(out.getvalue()), 0))
                data += out.getvalue()
        pages.append(page)
    return {
        "Slidedat.ini": _slidedat(data_name).encode(),
        "Index.dat": _index(pages),
        "Data0000.dat": bytes(data),
        "Data0001.dat": HEAD,
    }


def _index(pages: list[list[tuple[int, int, int, int]]]) -> bytes:
    """Version and slide, two pointers, a pointer for each level to its first page, and the pages."""
    start = 5 + len(SLIDE_ID)
    table = start + 8
    at, pointers, body = table + 4 * len(pages), b"", b""
    for page in pages:
        pointers += pack("<i", at)
        told = (
            pack("<ii", 0, at + 8) + pack("<ii", len(page), 0) + b"".join(pack("<4i", *one) for one in page)
        )
        body += told
        at += len(told)
    return b"01.02" + SLIDE_ID.encode() + pack("<ii", table, 0) + pointers + body


def _slidedat(data_name: str) -> str:
    levels = "".join(
        f"[LAYER_0_LEVEL_{level}_SECTION]\nIMAGE_CONCAT_FACTOR = {int(level > 0)}\nOVERLAP_X = 0\nOVERLAP_Y = 0\n"
        f"MICROMETER_PER_PIXEL_X = {0.25 * (1 << level)}\nMICROMETER_PER_PIXEL_Y = {0.25 * (1 << level)}\n"
        f"IMAGE_FORMAT = PNG\nIMAGE_FILL_COLOR_BGR = 16777215\nDIGITIZER_WIDTH = {SIDE}\nDIGITIZER_HEIGHT = {SIDE}\n"
        for level in range(LEVELS)
    )
    sections = "".join(
        f"HIER_0_VAL_{level}_SECTION = LAYER_0_LEVEL_{level}_SECTION\n" for level in range(LEVELS)
    )
    return (
        f"[GENERAL]\nSLIDE_VERSION = 01.02\nSLIDE_ID = {SLIDE_ID}\nIMAGENUMBER_X = {ACROSS}\n"
        f"IMAGENUMBER_Y = {ACROSS}\nOBJECTIVE_MAGNIFICATION = 40\n"
        f"[HIERARCHICAL]\nHIER_COUNT = 1\nNONHIER_COUNT = 0\nINDEXFILE = Index.dat\n"
        f"HIER_0_NAME = Slide zoom level\nHIER_0_COUNT = {LEVELS}\n{sections}"
        f"[DATAFILE]\nFILE_COUNT = 2\nFILE_0 = {data_name}\nFILE_1 = Data0001.dat\n{levels}"
    )
