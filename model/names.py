"""Names of tensors: as the published files have them, and as the library lays the model out in memory."""

PUBLISHED: tuple[tuple[str, str], ...] = (
    ("language_model.lm_head.", "lm_head."),
    ("language_model.model.", "model.language_model."),
    ("image_encoder.vision_model.", "model.image_encoder."),
    ("vision_embed_tokens.", "model.vision_embed_tokens."),
    ("crop_scorer.", "model.crop_scorer."),
)
"""Beginnings of names: on disk, in memory."""
OPTIONAL = "model.crop_scorer."
"""A checkpoint may hold it and be told to choose its crops without it."""
_DEAD = (".position_ids", ".inv_freq", ".masked_bias")
"""Counts and tables that older libraries saved beside the weights; each model makes its own."""


def in_memory(name: str) -> str:
    """A name on disk as it is in memory; one that is already so stays."""
    for disk, memory in PUBLISHED:
        if name.startswith(disk):
            return memory + name.removeprefix(disk)
    return name


def published(name: str) -> str:
    """A name in memory as the published files have it."""
    for disk, memory in PUBLISHED:
        if name.startswith(memory):
            return disk + name.removeprefix(memory)
    raise ValueError(f"{name} has no published name.")


def is_dead(name: str) -> bool:
    """Whether a tensor on disk is none of the weights and may lie there unread."""
    return name.endswith(_DEAD)
