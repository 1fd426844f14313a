"""Drawn slides in two vendors' formats, as their reader knows them: cells of (8 * column, 8 * row, 128), half a µm to the pixel.

Each with a macro picture of one dark gray, which may be shown nowhere.
"""

from io import BytesIO

import numpy as np
import tifffile
from PIL import Image

SIDE, CELL, LEVELS = 1024, 64, 3
PER_CM = 20_000
MACRO = np.full((512, 512, 3), 7, np.uint8)
FORMAT, LENS, PLANE, MACRO_LENS = 65420, 65421, 65424, -1.0
_SCAN = """<image name="{name}" uuid="urn:uuid:{name}"><creationDate>2026-11-20</creationDate><device model="SCN400" version="1"/>
<pixels sizeX="{pixels}" sizeY="{pixels}">{dimensions}</pixels><view sizeX="{nm}" sizeY="{nm}" offsetX="0" offsetY="0"/>
<scanSettings><objectiveSettings><objective>{lens}</objective></objectiveSettings><illuminationSettings>
<numericalAperture>0.4</numericalAperture><illuminationSource>brightfield</illuminationSource></illuminationSettings>
</scanSettings></image>"""


def _levels() -> list[np.ndarray]:
    place = np.arange(SIDE) // CELL * 8
    whole = np.full((SIDE, SIDE, 3), 128, np.uint8)
    whole[..., 0], whole[..., 1] = place[None], place[:, None]
    return [whole[:: 1 << level, :: 1 << level] for level in range(LEVELS)]


def scn() -> bytes:
    """Leica SCN: a BigTIFF whose first description says which directories are levels, and which the macro picture."""
    glass, scanned = 2 * SIDE * 500, SIDE * 500
    of_macro = '<dimension sizeX="512" sizeY="512" r="0" ifd="0"/>'
    of_scan = "".join(
        f'<dimension sizeX="{SIDE >> n}" sizeY="{SIDE >> n}" r="{n}" ifd="{n + 1}"/>' for n in range(LEVELS)
    )
    scans = _SCAN.format(name="macro", pixels=512, dimensions=of_macro, nm=glass, lens=1)
    scans += _SCAN.format(name="scan", pixels=SIDE, dimensions=of_scan, nm=scanned, lens=20)
    text = (
        '<?xml version="1.0"?><scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01" uuid="urn:uuid:1">'
        f'<collection name="glass" uuid="urn:uuid:2" sizeX="{glass}" sizeY="{glass}">{scans}</collection></scn>'
    )
    out = BytesIO()
    with tifffile.TiffWriter(out, bigtiff=True) as writer:
        for number, picture in enumerate([MACRO, *_levels()]):
            writer.write(
                picture,
                tile=(128, 128),
                photometric="rgb",
                compression="zlib",
                description=None if number else text,
                metadata=None,
                resolution=(PER_CM / (1 << max(0, number - 1)),) * 2,
                resolutionunit="CENTIMETER",
            )
    return out.getvalue()


def ndpi() -> bytes:
    """Hamamatsu NDPI: each directory one JPEG in one strip, told by its lens which level it is; minus one is the macro."""
    out = BytesIO()
    with tifffile.TiffWriter(out) as writer:
        pictures = [(one, 20.0 / (1 << n)) for n, one in enumerate(_levels())] + [(MACRO, MACRO_LENS)]
        for number, (picture, lens) in enumerate(pictures):
            packed = BytesIO()
            Image.fromarray(picture).save(packed, "JPEG", quality=95, subsampling=0)
            writer.write(
                iter([packed.getvalue()]),
                shape=picture.shape,
                dtype=np.uint8,
                photometric="ycbcr",
                subsampling=(1, 1),
                compression="jpeg",
                rowsperstrip=picture.shape[0],
                metadata=None,
                software=False,
                resolution=(PER_CM / (1 << number),) * 2,
                resolutionunit="CENTIMETER",
                extratags=[(FORMAT, "I", 1, 1, True), (LENS, "f", 1, lens, True), (PLANE, "i", 1, 0, True)],
            )
    return out.getvalue()
