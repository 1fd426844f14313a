"""The architecture of a Dragonfly checkpoint, read from its config.json with all its quirks.

Published files name the vision tower only by its hub name and leave library defaults out of
`text_config`; keys from the model's ancestry that mean nothing here are tolerated and dropped.
"""

import json
import os
from pathlib import Path
from typing import Any

from transformers import CLIPVisionConfig, LlamaConfig, PreTrainedConfig

from model.crops import V1, V2, ZoomPlan
from model.errors import WeightsMismatch
from model.zoom import STRATEGIES, Strategy

# Facts of the two published towers (their own config files), so that nothing is ever downloaded for them.
KNOWN_TOWERS: dict[str, dict[str, Any]] = {
    "openai/clip-vit-base-patch32": {
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "image_size": 224,
        "patch_size": 32,
        "projection_dim": 512,
    },
    "openai/clip-vit-large-patch14-336": {
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "image_size": 336,
        "patch_size": 14,
        "projection_dim": 768,
    },
}
IMAGE_TOKEN, NEWLINE_TOKEN = "<|reserved_special_token_0|>", "<|reserved_special_token_1|>"


class DragonflyConfig(PreTrainedConfig):
    """Text model, vision tower and zoom of one checkpoint."""

    model_type = "dragonfly"
    sub_configs = {"text_config": LlamaConfig, "vision_config": CLIPVisionConfig}  # noqa: RUF012

    def __init__(
        self,
        text_config: dict[str, Any] | LlamaConfig | None = None,
        vision_config: dict[str, Any] | CLIPVisionConfig | None = None,
        image_encoder: str | None = None,
        zoom: dict[str, Any] | None = None,
        **kwargs: Any,
    ):
        kept = {name: value for name, value in kwargs.items() if name in _KEPT}
        self.image_encoder = image_encoder
        self.text_config = _text_config(text_config)
        self.vision_config = _vision_config(vision_config, image_encoder)
        self.zoom = dict(zoom or {})
        _ = (
            self.zoom_strategy
        )  # a name that means nothing is refused when the file is read, not when it is asked
        kept.setdefault("bos_token_id", self.text_config.bos_token_id)
        kept.setdefault("eos_token_id", self.text_config.eos_token_id)
        kept["tie_word_embeddings"] = bool(kwargs.get("tie_word_embeddings", False))
        super().__init__(**kept)

    @property
    def zoom_plan(self) -> ZoomPlan:
        """v1 for towers with 224-pixel crops, v2 for the others, unless the file says otherwise."""
        base = V1 if self.zoom.get("version", _version_of(self.vision_config)) == "v1" else V2
        return ZoomPlan(
            version=base.version,
            crop_px=_side(self.vision_config.image_size),
            patch_px=_side(self.vision_config.patch_size),
            high_grids=base.high_grids,
            pool=int(self.zoom.get("pool", base.pool)),
            kept_per_middle=int(self.zoom.get("kept_per_middle", base.kept_per_middle)),
        )

    @property
    def zoom_strategy(self) -> Strategy:
        """How v1 chooses its high crops: v1's own rule, unless the file names another.

        raises: WeightsMismatch for an unknown name, and for a choice in v2, which keeps every crop
        """
        named = self.zoom.get("strategy", "faithful")
        if named not in STRATEGIES:
            raise WeightsMismatch(zoom_strategy=named, known=STRATEGIES)
        if named != "faithful" and self.zoom_plan.version == "v2":
            raise WeightsMismatch(zoom_strategy=named, reason="v2 keeps every crop and chooses none")
        chosen: Strategy = named
        return chosen

    @classmethod
    def get_config_dict(
        cls, pretrained_model_name_or_path: str | os.PathLike[str], **kwargs: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The file's keys, the vision tower's config beside them when it lies in a folder of that name."""
        found, unused = super().get_config_dict(pretrained_model_name_or_path, **kwargs)
        return _with_tower(found, pretrained_model_name_or_path), unused

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """As the Auto classes read it: they hand over the folder's name beside the keys."""
        return super().from_dict(_with_tower(config_dict, kwargs.get("name_or_path", "")), **kwargs)


_KEPT = {
    "architectures",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
    "dtype",
    "torch_dtype",
    "transformers_version",
    "auto_map",
    "name_or_path",
    "_name_or_path",
    "attn_implementation",
    "_attn_implementation",
}


def _version_of(vision: CLIPVisionConfig) -> str:
    return "v1" if vision.image_size == V1.crop_px and vision.patch_size == V1.patch_px else "v2"


def _text_config(given: dict[str, Any] | LlamaConfig | None) -> LlamaConfig:
    if isinstance(given, LlamaConfig):
        return given
    facts = {
        name: value for name, value in (given or {}).items() if name not in ("model_type", "torch_dtype")
    }
    # What the text config says of rotary positions counts; the same keys on the top level never did.
    theta, scaling = facts.pop("rope_theta", None), facts.pop("rope_scaling", None)
    if "rope_parameters" not in facts and theta is not None:
        facts["rope_parameters"] = {"rope_type": "default", "rope_theta": theta, **(scaling or {})}
    return LlamaConfig(**facts)


def _vision_config(given: dict[str, Any] | CLIPVisionConfig | None, name: str | None) -> CLIPVisionConfig:
    if isinstance(given, CLIPVisionConfig):
        return given
    facts = dict(given or KNOWN_TOWERS.get(name or "openai/clip-vit-large-patch14-336") or {})
    if not facts:
        raise WeightsMismatch(
            image_encoder=name, reason="this vision tower is not known and no config lies beside it"
        )
    for dead in ("model_type", "torch_dtype"):
        facts.pop(dead, None)
    return CLIPVisionConfig(**facts)


def _with_tower(found: dict[str, Any], folder: str | os.PathLike[str]) -> dict[str, Any]:
    name = found.get("image_encoder")
    if not name or found.get("vision_config") or name in KNOWN_TOWERS:
        return found
    return {**found, "vision_config": _tower_beside(Path(folder), name)}


def _tower_beside(checkpoint: Path, name: str) -> dict[str, Any]:
    for folder in (checkpoint / name, checkpoint.parent / name, Path(name)):
        file = folder / "config.json"
        if file.is_file():
            facts: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            return facts.get("vision_config") or facts
    raise WeightsMismatch(
        image_encoder=name, reason="this vision tower is not known and no config lies beside it"
    )


def _side(value: Any) -> int:
    if not isinstance(value, int):
        raise WeightsMismatch(reason="crops and patches are squares")
    return value
