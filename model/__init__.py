"""Dragonfly: the vision-language model, its processor, prompts and engine.

The public names come lazily, so that reading a prompt never loads PyTorch.
"""

from importlib import import_module
from typing import Any

_PLACES = {
    "DragonflyConfig": "model.configuration_dragonfly",
    "DragonflyForCausalLM": "model.modeling_dragonfly",
    "DragonflyModel": "model.modeling_dragonfly",
    "DragonflyImageProcessor": "model.image_processing_dragonfly",
    "DragonflyProcessor": "model.processing_dragonfly",
}
__all__ = list(_PLACES)


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'model' has no attribute '{name}'")
