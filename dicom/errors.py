"""What can be wrong with a file, a picture, an archive.

DicomError
├── EmptyFile          nothing in it
├── NotAnImage         no kind of file that is read here
├── NotDicom           a DICOM file by name only
├── Truncated          the end is missing
├── Damaged            cannot be decoded, or breaks its own header
├── InvalidHeader      a value that counts is not a number, or is absent
├── NoPixels           a report, plan or other object without a picture
├── UnsupportedSyntax  compressed in a way that is not read here
├── TooLarge           over a limit, which is named
├── BadArchive         a ZIP that is not what it seems
└── TookTooLong        decoding was stopped
"""

from typing import Any


class DicomError(Exception):
    """An object that cannot be used as an image."""

    code = "dicom.error"

    def __init__(self, **facts: Any):
        detail = ", ".join(f"{name}={value}" for name, value in facts.items())
        super().__init__(f"{self.__doc__}{' ' + detail + '.' if detail else ''}")
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


class Truncated(DicomError):
    """The end of the file is missing."""

    code = "dicom.truncated"


class Damaged(DicomError):
    """The picture in the file is damaged."""

    code = "dicom.damaged"


class InvalidHeader(DicomError):
    """A value of the header that is needed is missing or no number."""

    code = "dicom.invalid_header"


class NoPixels(DicomError):
    """The object holds no picture."""

    code = "dicom.no_pixels"


class UnsupportedSyntax(DicomError):
    """The picture is compressed in a way that is not read here."""

    code = "dicom.unsupported_syntax"


class TooLarge(DicomError):
    """The file is over a limit."""

    code = "dicom.too_large"


class BadArchive(DicomError):
    """The archive is damaged or not what it seems."""

    code = "dicom.bad_archive"


class TookTooLong(DicomError):
    """Decoding took too long or too much memory and was stopped."""

    code = "dicom.took_too_long"


BY_NAME: dict[str, type[DicomError]] = {"DicomError": DicomError}
BY_NAME.update({kind.__name__: kind for kind in DicomError.__subclasses__()})
