"""Where each tensor lies in a weight file, and how it is read from there: in pieces, straight to its place.

Nothing is mapped and nothing is read twice, so that reading takes one piece of memory beside the weights
themselves, whatever the size of the file. Of a pickle only the list of tensors is unpickled (weights only,
no code), and where the list says a tensor lies is believed only if the archive's own index says the same.
"""

import json
import math
import struct
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch
from safetensors import safe_open
from torch import Tensor

from model.errors import WeightsMismatch

PIECE_BYTES = 8 << 20
FLOATING = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
"""What weights are stored as."""
_KINDS = dict(zip(("F64", "F32", "F16", "BF16"), FLOATING, strict=True))


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in a file: `span` values from byte `offset` on, of which shape and strides make the tensor."""

    file: Path
    offset: int
    dtype: torch.dtype
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    span: int

    def copy_to(self, target: Tensor, first_row: int = 0) -> None:
        """Read as many rows as the contiguous target has, from one on, into its device and dtype.

        raises: WeightsMismatch where the file ends too early
        """
        if self._is_in_order:
            self._read(target.view(-1), first_row * math.prod(self.shape[1:]))
            return
        whole = torch.empty(self.span, dtype=self.dtype)
        self._read(whole, 0)
        rows = whole.as_strided(self.shape, self.stride)
        target.copy_(rows[first_row : first_row + len(target)] if self.shape else rows)

    @property
    def _is_in_order(self) -> bool:
        """Whether values lie row by row; a transposed tensor has as many, in another order."""
        return not self.stride or self.stride == torch.empty(self.shape, device="meta").stride()

    def _read(self, flat: Tensor, skipped: int) -> None:
        size = self.dtype.itemsize
        piece = bytearray(min(PIECE_BYTES, len(flat) * size))
        with self.file.open("rb") as source:
            source.seek(self.offset + skipped * size)
            for start in range(0, len(flat), PIECE_BYTES // size):
                count = min(PIECE_BYTES // size, len(flat) - start)
                if source.readinto(memoryview(piece)[: count * size]) != count * size:
                    raise WeightsMismatch(reason="a weight file ends in the middle of a tensor")
                flat[start : start + count].copy_(torch.frombuffer(piece, dtype=self.dtype, count=count))


def stored_tensors(file: Path) -> dict[str, Stored]:
    """Every tensor of a weight file by its name on disk.

    raises: WeightsMismatch, and whatever the libraries raise for a file that is not what it should be
    """
    return _safetensors(file) if file.suffix == ".safetensors" else _pickled(file)


def _safetensors(file: Path) -> dict[str, Stored]:
    with safe_open(file, "pt"):
        pass  # the library's own check of the header: every place inside the file, no overlap, no gap
    with file.open("rb") as source:
        (length,) = struct.unpack("<Q", source.read(8))
        header = json.loads(source.read(length))
    return {
        name: Stored(
            file,
            8 + length + facts["data_offsets"][0],
            _KINDS.get(facts["dtype"], torch.uint8),
            tuple(facts["shape"]),
            (),
            math.prod(facts["shape"]),
        )
        for name, facts in header.items()
        if name != "__metadata__"
    }


def _pickled(file: Path) -> dict[str, Stored]:
    if not zipfile.is_zipfile(file):
        raise WeightsMismatch(
            reason="this pickle is older than torch 1.6 or no pickle of torch's; save it again with a newer torch"
        )
    places = _members(file)
    # On the meta device nothing is read but the list: names, shapes, and where each storage begins.
    listed = torch.load(file, map_location="meta", weights_only=True)
    if not isinstance(listed, dict) or not all(isinstance(one, Tensor) for one in listed.values()):
        raise WeightsMismatch(reason="a weight file holds something else than named tensors")
    return {str(name): _in_archive(file, one, places) for name, one in listed.items()}


def _in_archive(file: Path, tensor: Tensor, places: dict[int, int]) -> Stored:
    storage, size = tensor.untyped_storage(), tensor.dtype.itemsize
    begin: int | None = storage._checkpoint_offset
    reach = 1 + sum((n - 1) * step for n, step in zip(tensor.shape, tensor.stride(), strict=True))
    span = reach if tensor.numel() else 0
    end = (tensor.storage_offset() + span) * size
    if span and (begin is None or places.get(begin) != storage.nbytes() or end > storage.nbytes()):
        raise WeightsMismatch(reason="a tensor does not lie where its file says")
    offset = (begin or 0) + int(tensor.storage_offset()) * size
    return Stored(file, offset, tensor.dtype, tuple(tensor.shape), tensor.stride(), span)


def _members(file: Path) -> dict[int, int]:
    """Where each member of the archive begins, and its size in bytes."""
    places = {}
    with zipfile.ZipFile(file) as archive, file.open("rb") as source:
        for one in archive.infolist():
            if one.compress_type != zipfile.ZIP_STORED:
                raise WeightsMismatch(reason="a weight file is compressed")
            if one.filename.endswith("/byteorder") and archive.read(one) != sys.byteorder.encode():
                raise WeightsMismatch(reason="a weight file was written on a machine of the other byte order")
            places[_begin(source, one)] = one.file_size
    return places


def _begin(source: BinaryIO, member: zipfile.ZipInfo) -> int:
    """The first byte of a member: behind its own header, whose lengths may differ from those of the index."""
    source.seek(member.header_offset + 26)
    name, extra = struct.unpack("<HH", source.read(4))
    return member.header_offset + 30 + int(name) + int(extra)
