"""From a checkpoint folder to a model on its device, with no second copy of any weight on the way.

The model is built empty, everything that can be wrong with the files is refused before a weight is read, and
then each tensor is read in pieces into its own place, in the dtype asked for. What it takes beside the
weights is a piece of eight megabytes.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from accelerate import init_empty_weights
from torch import Tensor, nn
from transformers import GenerationConfig

from model.checkpoints import weight_files
from model.configuration_dragonfly import DragonflyConfig
from model.devices import device_named, free_bytes, is_out_of_memory
from model.errors import ModelError, NotEnoughMemory, WeightsMismatch
from model.modeling_dragonfly import DragonflyForCausalLM
from model.names import OPTIONAL, in_memory, is_dead
from model.stored import FLOATING, Stored, stored_tensors

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load_model(path: Path, *, device: str = "cpu", dtype: str = "float32") -> DragonflyForCausalLM:
    """The weights on their device, ready to answer; dtype `auto` leaves each as it is stored.

    raises: WeightsMismatch, DeviceAbsent, NotEnoughMemory
    """
    checkpoint = Checkpoint(path, device=device, dtype=dtype)
    checkpoint.require_room()
    checkpoint.fill()
    return checkpoint.model


class Checkpoint:
    """A checkpoint folder that was looked through: its model, still empty, and where each weight lies.

    raises: WeightsMismatch when a tensor that the configuration asks for is missing, has another shape, lies
    there twice, or is none of the model's; DeviceAbsent
    """

    def __init__(self, path: Path, *, device: str, dtype: str):
        if not (path / "config.json").is_file():
            raise WeightsMismatch(reason="there is no config.json in the folder")
        files = weight_files(path)
        self.device, self._dtype = device_named(device), None if dtype == "auto" else DTYPES[dtype]
        try:
            self.model = _empty(path, self.device, self._dtype)
            self._stored = _found(files)
        except ModelError:
            raise
        except (
            Exception
        ) as error:  # the libraries raise many kinds for files that are not what they should be
            raise WeightsMismatch(reason=type(error).__name__) from error
        self._check()
        # Each empty weight in the dtype that it will have.
        self._places: list[tuple[nn.Module, str, str]] = []
        for prefix, module in self.model.named_modules():
            for leaf, empty in module._parameters.items():
                if empty is not None:
                    name = f"{prefix}.{leaf}"
                    kind = self._dtype or self._stored[name].dtype
                    setattr(module, leaf, nn.Parameter(empty.to(kind), empty.requires_grad))
                    self._places.append((module, leaf, name))

    def require_room(self, eight_bits: Collection[nn.Module] = ()) -> None:
        """Raise NotEnoughMemory, with the figures, before anything is read that cannot fit.

        eight_bits: layers whose weights will be kept in one byte each
        """
        few = {id(one) for one in eight_bits}
        needed = sum(
            getattr(module, leaf).numel()
            * (1 if leaf == "weight" and id(module) in few else getattr(module, leaf).element_size())
            for module, leaf, _ in self._places
        )
        free = free_bytes(self.device)
        if needed > free:
            raise NotEnoughMemory(device=str(self.device), needed_bytes=needed, free_bytes=free)

    def fill(self, *, but: Iterable[nn.Module] = ()) -> None:
        """Read the weights to their places, except those of some linear layers that `read` will bring.

        raises: WeightsMismatch where a file ends too early, NotEnoughMemory
        """
        later = {id(one) for one in but}
        for module, leaf, name in self._places:
            if leaf == "weight" and id(module) in later:
                continue
            empty = getattr(module, leaf)
            with self._telling():
                weight = torch.empty_like(empty, device=self.device)
                self._stored[name].copy_to(weight)
            setattr(module, leaf, nn.Parameter(weight, empty.requires_grad))

    def read(self, layer: nn.Module, place: Tensor, first_row: int) -> None:
        """Rows of the weight of a linear layer, from one on, as many as the place has; raises as `fill`."""
        name = next(name for module, leaf, name in self._places if module is layer and leaf == "weight")
        with self._telling():
            self._stored[name].copy_to(place, first_row)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise NotEnoughMemory(device=str(self.device)) from error

    def _check(self) -> None:
        wanted = {name: tuple(one.shape) for name, one in self.model.named_parameters()}
        for reason, names in (
            ("missing", [name for name in wanted if name not in self._stored]),
            ("unknown", [one for one in self._stored if one not in wanted and not one.startswith(OPTIONAL)]),
            (
                "mismatched",
                [
                    name
                    for name, shape in wanted.items()
                    if name in self._stored and not self._fits(name, shape)
                ],
            ),
        ):
            if names:
                raise WeightsMismatch(**{reason: len(names)}, first=names[0])

    def _fits(self, name: str, shape: tuple[int, ...]) -> bool:
        stored = self._stored[name]
        return stored.shape == shape and stored.dtype in FLOATING


def _empty(path: Path, device: torch.device, dtype: torch.dtype | None) -> DragonflyForCausalLM:
    """The model of a configuration: weights without memory, its own tables (buffers) on the device."""
    config = DragonflyConfig.from_pretrained(path)
    config._name_or_path = str(path)  # what an adapter says it belongs to
    for part in (config, config.text_config, config.vision_config):
        part.dtype = dtype or part.dtype
    with init_empty_weights(include_buffers=False):
        model = DragonflyForCausalLM(config).eval()
    for module in model.modules():
        for name, table in module._buffers.items():
            module._buffers[name] = None if table is None else table.to(device)
    if (path / "generation_config.json").is_file():
        model.generation_config = GenerationConfig.from_pretrained(path, local_files_only=True)
    return model


def _found(files: Collection[Path]) -> dict[str, Stored]:
    """Every tensor of these files that is a weight, by its name in memory."""
    found: dict[str, Stored] = {}
    for file in files:
        for name, stored in stored_tensors(file).items():
            if is_dead(name):
                continue
            if in_memory(name) in found:
                raise WeightsMismatch(reason="a tensor lies there twice", first=name)
            found[in_memory(name)] = stored
    return found
