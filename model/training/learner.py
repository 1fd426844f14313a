"""What is trained: the model as a module that takes a batch and gives its loss, whole under any wrapper."""

import torch
from torch import Tensor, nn

from model.errors import TrainingUnusable
from model.modeling_dragonfly import DragonflyForCausalLM
from model.training.packing import IGNORED, Batch


class Learner(nn.Module):
    """Summed loss of a batch; everything runs in `forward`, where data-parallel wrappers look."""

    def __init__(self, dragonfly: DragonflyForCausalLM):
        super().__init__()
        # Boolean masks are what this attention takes; others would add them to the scores or drop them.
        if dragonfly.config.text_config._attn_implementation != "sdpa":
            raise TrainingUnusable("The language model must be opened with sdpa attention.")
        self.dragonfly = dragonfly

    def forward(self, batch: Batch) -> Tensor:
        """The sum of the cross-entropy over all learned tokens, at least float32.

        Logits are computed where a token is learned and nowhere else: a picture has 867 or 2,098 positions.
        """
        model = self.dragonfly.model
        words: Tensor = model.get_input_embeddings()(batch.ids)
        seen = model.visual_embeddings(list(batch.patches.chunk(batch.pictures)))
        visual = torch.cat([one[0] for one in seen if one is not None]).to(words.dtype)
        embeddings = torch.where((batch.places >= 0)[..., None], visual[batch.places.clamp(min=0)], words)
        states = model.language_model(
            inputs_embeds=embeddings,
            attention_mask=batch.mask,
            position_ids=batch.positions,
            use_cache=False,
        ).last_hidden_state
        labels = batch.labels[:, 1:]
        learned = labels != IGNORED
        logits = self.dragonfly.lm_head(states[:, :-1][learned])
        precise = logits.to(torch.promote_types(logits.dtype, torch.float32))
        return nn.functional.cross_entropy(precise, labels[learned], reduction="sum")
