"""The whole model: encode crops, zoom, project, place visual tokens, decode.

Built on transformers' CLIPVisionModel and LlamaModel. Tensor names follow the published checkpoints on
disk and the library's layout (`model.`, `lm_head.`) in memory; the mapping is registered below.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    CLIPVisionModel,
    GenerationMixin,
    LlamaModel,
    PreTrainedModel,
)
from transformers.conversion_mapping import register_checkpoint_conversion_mapping
from transformers.core_model_loading import WeightRenaming
from transformers.modeling_outputs import (
    BaseModelOutputWithPast,
    BaseModelOutputWithPooling,
    CausalLMOutputWithPast,
)
from transformers.utils.generic import can_return_tuple

from model.configuration_dragonfly import DragonflyConfig
from model.names import PUBLISHED
from model.zoom import pool_tokens, select_crops


@dataclass
class DragonflyOutput(BaseModelOutputWithPast):
    """Hidden states, and which high crops each picture kept (v1; None where nothing is selected)."""

    kept_crops: list[Tensor | None] | None = None


@dataclass
class DragonflyCausalOutput(CausalLMOutputWithPast):
    """Logits, and which high crops each picture kept."""

    kept_crops: list[Tensor | None] | None = None


class DragonflyPreTrainedModel(PreTrainedModel):
    """What both classes below share."""

    config_class = DragonflyConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _supports_attention_backend = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _no_split_modules = ["LlamaDecoderLayer", "CLIPEncoderLayer"]  # noqa: RUF012


class DragonflyModel(DragonflyPreTrainedModel):
    """The model without its head: hidden states of pictures and words."""

    def __init__(self, config: DragonflyConfig):
        super().__init__(config)
        self.language_model = LlamaModel(config.text_config)
        self.image_encoder = CLIPVisionModel(config.vision_config)
        self.vision_embed_tokens = nn.Linear(config.vision_config.hidden_size, config.text_config.hidden_size)
        if config.zoom_strategy == "learned":
            # Its choice carries no gradient: it is taught elsewhere, and no stage of training changes it.
            self.crop_scorer = nn.Linear(config.text_config.hidden_size, 1).requires_grad_(False)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.language_model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.language_model.set_input_embeddings(value)

    def encode_crops(self, crops: Tensor) -> Tensor:
        """Projected tokens of crops: (crops, 3, S, S) to (crops, tokens, text width).

        The tower's last layer is never used (the penultimate hidden state is taken), so it is not run.
        """
        tower = self.image_encoder
        states = tower.pre_layrnorm(tower.embeddings(crops))
        for layer in tower.encoder.layers[:-1]:
            states = layer(states, attention_mask=None)
        projected: Tensor = self.vision_embed_tokens(states)
        return projected

    def look(self, crops: Tensor) -> tuple[Tensor, Tensor | None]:
        """Visual embeddings of one picture's projected crops, in order, and the high crops kept (v1)."""
        plan = self.config.zoom_plan
        low, middle, high = crops[:1], crops[1:5], crops[5:]
        if plan.version == "v1":
            strategy = self.config.zoom_strategy
            scorer = self.crop_scorer if strategy == "learned" else None
            kept = select_crops(middle, high, plan.kept_per_middle, strategy, scorer)
            return torch.cat([low, middle, high[kept]]).flatten(0, 1), kept
        pooled = pool_tokens(torch.cat([middle, high]), plan.side_tokens, plan.pool)
        return torch.cat([low.flatten(0, 1), pooled.flatten(0, 1)]), None

    def visual_embeddings(
        self, image_patches: Sequence[Tensor | None]
    ) -> list[tuple[Tensor, Tensor | None] | None]:
        """For each row its picture's embeddings and kept crops; all crops go through the tower in one pass."""
        shown = [one for one in image_patches if one is not None]
        if not shown:
            return [None] * len(image_patches)
        weight = self.vision_embed_tokens.weight
        encoded = self.encode_crops(torch.cat(shown).to(weight.device, weight.dtype))
        parts = iter(encoded.split([len(one) for one in shown]))
        return [None if one is None else self.look(next(parts)) for one in image_patches]

    def get_image_features(self, pixel_values: Tensor, **_: Any) -> BaseModelOutputWithPooling:
        """What a server asks for: (pictures, crops, 3, S, S) to (pictures, visual tokens, text width).

        A picture is one item, because its crops do not share its visual tokens evenly.
        """
        pictures = self.encode_crops(pixel_values.flatten(0, 1)).split(pixel_values.shape[1])
        return BaseModelOutputWithPooling(pooler_output=torch.stack([self.look(one)[0] for one in pictures]))

    def embed(
        self, input_ids: Tensor, image_patches: Sequence[Tensor | None] | None, indices: Tensor | None
    ) -> tuple[Tensor, list[Tensor | None] | None]:
        """Word embeddings with the visual ones in their places."""
        embeddings: Tensor = self.get_input_embeddings()(input_ids)
        if image_patches is None or indices is None:
            return embeddings, None
        kept: list[Tensor | None] = []
        rows = []
        for row, place, seen in zip(embeddings, indices, self.visual_embeddings(image_patches), strict=True):
            if seen is None:
                kept.append(None)
                rows.append(row)
                continue
            visual = seen[0].to(row.dtype)[place.clamp(min=0)]
            rows.append(torch.where((place >= 0).unsqueeze(-1), visual, row))
            kept.append(seen[1])
        return torch.stack(rows), kept

    @can_return_tuple  # type: ignore[untyped-decorator]
    def forward(
        self,
        input_ids: Tensor | None = None,
        image_patches: Sequence[Tensor | None] | None = None,
        image_patches_indices: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        **kwargs: Any,
    ) -> DragonflyOutput:
        """Pictures are placed whenever they are given, whatever the cache says of itself."""
        kept = None
        if inputs_embeds is None:
            assert input_ids is not None
            inputs_embeds, kept = self.embed(input_ids, image_patches, image_patches_indices)
        output = self.language_model(
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            **kwargs,
        )
        return DragonflyOutput(
            last_hidden_state=output.last_hidden_state,
            past_key_values=output.past_key_values,
            hidden_states=output.hidden_states,
            attentions=output.attentions,
            kept_crops=kept,
        )


class DragonflyForCausalLM(DragonflyPreTrainedModel, GenerationMixin):
    """Dragonfly with its language head."""

    def __init__(self, config: DragonflyConfig):
        super().__init__(config)
        self.model = DragonflyModel(config)
        self.lm_head = nn.Linear(config.text_config.hidden_size, config.text_config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.model.get_input_embeddings()

    def get_output_embeddings(self) -> nn.Module:
        return self.lm_head

    @can_return_tuple  # type: ignore[untyped-decorator]
    def forward(
        self,
        input_ids: Tensor | None = None,
        image_patches: Sequence[Tensor | None] | None = None,
        image_patches_indices: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        logits_to_keep: int | Tensor = 0,
        **kwargs: Any,
    ) -> DragonflyCausalOutput:
        """Logits (rows, kept positions, vocabulary); loss where labels are given (-100 is left out)."""
        output = self.model(
            input_ids=input_ids,
            image_patches=image_patches,
            image_patches_indices=image_patches_indices,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            **kwargs,
        )
        keep = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.lm_head(output.last_hidden_state[:, keep])
        loss = None
        if labels is not None:
            loss = self.loss_function(logits, labels, vocab_size=self.config.text_config.vocab_size)
        return DragonflyCausalOutput(
            loss=loss,
            logits=logits,
            past_key_values=output.past_key_values,
            hidden_states=output.hidden_states,
            attentions=output.attentions,
            kept_crops=output.kept_crops,
        )

    def prepare_inputs_for_generation(
        self,
        input_ids: Tensor,
        past_key_values: Any = None,
        image_patches: Any = None,
        image_patches_indices: Tensor | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Pictures go in with the first step only: when the cache holds nothing, however it is passed."""
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(
            input_ids, past_key_values=past_key_values, **kwargs
        )
        if past_key_values is None or past_key_values.get_seq_length() == 0:
            inputs["image_patches"], inputs["image_patches_indices"] = image_patches, image_patches_indices
        return inputs

    def _expand_inputs_for_generation(
        self, expand_size: int = 1, **kwargs: Any
    ) -> tuple[Any, dict[str, Any]]:
        """The library repeats tensors only; pictures come as a list."""
        ids, expanded = super()._expand_inputs_for_generation(expand_size=expand_size, **kwargs)
        if expanded.get("image_patches") is not None:
            expanded["image_patches"] = [one for one in expanded["image_patches"] for _ in range(expand_size)]
        return ids, expanded


# Published names on the left, names in memory on the right; saving goes the other way.
register_checkpoint_conversion_mapping(
    "dragonfly",
    [WeightRenaming("^" + re.escape(disk), memory) for disk, memory in PUBLISHED],
    overwrite=True,
)
AutoConfig.register("dragonfly", DragonflyConfig, exist_ok=True)
AutoModel.register(DragonflyConfig, DragonflyModel, exist_ok=True)
AutoModelForCausalLM.register(DragonflyConfig, DragonflyForCausalLM, exist_ok=True)
