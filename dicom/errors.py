"""What can be wrong with a file, a picture, an archive.

DicomError
├── EmptyFile          nothing in it
├── NotAnImage         no kind of file that is read here
├── NotDicom           a DICOM file by name only
├── Headerless         elements of DICOM without the file header that says how they are written
├── Truncated          the end is missing
├── Damaged            cannot be decoded, or breaks its own header
├── InvalidHeader      a value that counts is not a number, or no possible one
├── MissingHeader      a value that counts is absent
├── NoSuchFrame        asked for by a number that the file does not have
├── NoVolume           pictures that cannot be put together to a body, with the reason
├── NoPixels           a report, plan or other object without a picture
├── LabelPicture       the label of a slide, on which somebody's name is written
├── UnsupportedSyntax  compressed in a way that is not read here
├── TooLarge           over a limit, which is named
├── BadArchive         a ZIP that is not what it seems
├── OtherFiles         what lies beside the pictures on a disc and is none
├── Busy               everything that decodes is at work; no fault of this file
└── TookTooLong        decoding was stopped
"""

from typing import Any


class DicomError(Exception):
    """An object that cannot be used as an image."""

    code = "dicom.error"

    def __init__(self, **facts: Any):
        detail = ", ".join(f"{name}={value}" for name, value in facts.items())
        sentence = str(self.__doc__).partition("\n")[0]
        super().__init__(f"{sentence}{' ' + detail + '.' if detail else ''}")
        self.facts = facts


class EmptyFile(DicomError):
    """The file is empty."""

    code = "dicom.empty_file"


class NotAnImage(DicomError):
    """The file is neither DICOM nor PNG, JPEG or TIFF."""

    code = "dicom.not_an_image"


class NotDicom(DicomError):
    """The file is not DICOM."""

    code = "dicom.not_dicom"


class Headerless(DicomError):
    """The file header that says how the elements are written is missing."""

    code = "dicom.headerless"


class Truncated(DicomError):
    """The end of the file is missing."""

    code = "dicom.truncated"


class Damaged(DicomError):
    """The picture in the file is damaged."""

    code = "dicom.damaged"


class InvalidHeader(DicomError):
    """A value of the header that is needed is no number, or none that can be.

    keyword: of the element, or of several by comma
    """

    code = "dicom.invalid_header"


class MissingHeader(DicomError):
    """A value of the header that is needed is missing.

    keyword: of the element, or of several by comma
    """

    code = "dicom.missing_header"


class NoSuchFrame(DicomError):
    """The file has no frame of this number."""

    code = "dicom.no_such_frame"


class NoVolume(DicomError):
    """The pictures of this series form no volume.

    reason: one of few, color, no_geometry, no_spacing, mixed, same_position, gap, tilt, unit, large;
    each has a sentence of its own
    """

    code = "dicom.no_volume"

    def __init__(self, *, reason: str, **facts: Any):
        super().__init__(reason=reason, **facts)
        self.code = f"dicom.no_volume.{reason}"


class NoPixels(DicomError):
    """The object holds no picture."""

    code = "dicom.no_pixels"


class LabelPicture(DicomError):
    """The picture is the label of a slide, or shows the label beside the tissue."""

    code = "dicom.label_picture"


class UnsupportedSyntax(DicomError):
    """The picture is compressed in a way that is not read here."""

    code = "dicom.unsupported_syntax"


class TooLarge(DicomError):
    """The file is over a limit.

    what: one of file, inflated, frame, frames, total, depth, elements, pixels, levels, memory, entries, archive, ratio;
    each has a sentence of its own, because each has another way out
    """

    code = "dicom.too_large"

    def __init__(self, *, what: str, **facts: Any):
        super().__init__(what=what, **facts)
        self.code = f"dicom.too_large.{what}"


class BadArchive(DicomError):
    """The archive is damaged or not what it seems."""

    code = "dicom.bad_archive"


class OtherFiles(DicomError):
    """Files beside the pictures, of kinds that are no pictures, were left out."""

    code = "dicom.other_files"


class Busy(DicomError):
    """Everything that decodes is busy with other files, and has been for as long as one may take."""

    code = "dicom.busy"


class TookTooLong(DicomError):
    """Decoding took too long and was stopped."""

    code = "dicom.took_too_long"


def in_bytes(count: int) -> str:
    """A number of bytes as people say it: 3 kB, 1.5 GB."""
    for unit, size in (("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} B"


BY_NAME: dict[str, type[DicomError]] = {"DicomError": DicomError}
BY_NAME.update({kind.__name__: kind for kind in DicomError.__subclasses__()})
