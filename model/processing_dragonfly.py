"""Pictures and prompt to tensors: visual positions first, then the begin token and the words.

The original's way of calling it is kept. What it did silently is an error here: words that do not fit.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerFast
from transformers.image_processing_utils import BatchFeature
from transformers.processing_utils import MultiModalData, ProcessorMixin

from model.configuration_dragonfly import IMAGE_TOKEN, NEWLINE_TOKEN, DragonflyConfig
from model.crops import ZoomPlan
from model.errors import PicturesUnusable, PromptTooLong
from model.image_processing_dragonfly import DragonflyImageProcessor

BEGIN, END, TURN_END = "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"
USER = "<|start_header_id|>user<|end_header_id|>\n\n"
ASSISTANT = "<|start_header_id|>assistant<|end_header_id|>\n\n"
STYLE = "llava-hd"


# For a server: every picture's placeholder, the begin token, then the turns. Newlines stand inside quotes,
# where no whitespace rule of the template reaches them; "<|" in a text would spell a special token.
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['role'] not in ['user', 'assistant'] -%}"
    "{{ raise_exception('The model knows the roles user and assistant only.') }}"
    "{%- endif -%}"
    "{%- if message['content'] is not string -%}"
    "{%- for part in message['content'] -%}"
    "{%- if part['type'] in ['image', 'image_url'] -%}{{ '" + IMAGE_TOKEN + "' }}{%- endif -%}"
    "{%- endfor -%}"
    "{%- endif -%}"
    "{%- endfor -%}"
    "{{ '" + BEGIN + "' }}"
    "{%- for message in messages -%}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' }}"
    "{%- if message['content'] is string -%}"
    "{{ message['content'] | replace('<|', '< |') }}"
    "{%- else -%}"
    "{%- for part in message['content'] -%}"
    "{%- if part['type'] == 'text' -%}{{ part['text'] | replace('<|', '< |') }}{%- endif -%}"
    "{%- endfor -%}"
    "{%- endif -%}"
    "{{ '" + TURN_END + "' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif -%}"
)


def chat(text: str) -> str:
    """A user's turn and the head of the answer, as the published models were trained."""
    return f"{USER}{text}{TURN_END}{ASSISTANT}"


class DragonflyBatch(BatchFeature):
    """Tensors, and a list with the crops of each picture; `.to` moves both."""

    def to(self, *args: Any, **kwargs: Any) -> "DragonflyBatch":
        patches = self.data.pop("image_patches", None)
        super().to(*args, **kwargs)
        if patches is not None:
            self.data["image_patches"] = [None if one is None else one.to(*args, **kwargs) for one in patches]
        return self


class DragonflyProcessor(ProcessorMixin):
    """Tokenizer and image processor as one.

    Called as the original is, it gives rows with their pictures; called as a server does, with placeholders
    in the text, it goes the library's way (`ProcessorMixin.__call__`) and fills them in.
    """

    text_kwargs = {"add_special_tokens": False}  # noqa: RUF012 - the begin token stands behind the pictures

    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: Any = None,
        image_encoding_style: str = STYLE,
        **_: Any,
    ):
        if image_encoding_style != STYLE:
            raise ValueError(f"The only image encoding style is {STYLE}, not {image_encoding_style}.")
        self.image_processor = DragonflyImageProcessor.like(image_processor)
        self.tokenizer = tokenizer
        self.image_encoding_style = image_encoding_style
        self.chat_template = CHAT_TEMPLATE
        self.image_token, self.image_token_id = IMAGE_TOKEN, self._id(IMAGE_TOKEN)
        self.newline_token_id, self.begin_id, self.end_id = (
            self._id(NEWLINE_TOKEN),
            self._id(BEGIN),
            self._id(END),
        )

    @property
    def zoom_plan(self) -> ZoomPlan:
        """The crops and positions of one picture."""
        return self.image_processor.zoom_plan

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | os.PathLike[str], **_: Any
    ) -> "DragonflyProcessor":
        """Tokenizer and crops of a checkpoint folder; the crops follow from its vision tower."""
        folder = Path(pretrained_model_name_or_path)
        config = DragonflyConfig.from_pretrained(folder)
        plan = config.zoom_plan
        facts: dict[str, Any] = {}
        if (folder / "preprocessor_config.json").is_file():
            facts = DragonflyImageProcessor.get_image_processor_dict(folder)[0]
        images = DragonflyImageProcessor(
            crop_size=plan.crop_px,
            patch_size=plan.patch_px,
            zoom_version=plan.version,
            pool=plan.pool,
            **{name: facts[name] for name in ("image_mean", "image_std", "rescale_factor") if name in facts},
        )
        return cls(image_processor=images, tokenizer=load_tokenizer(folder))

    def save_pretrained(self, save_directory: str | os.PathLike[str], **_: Any) -> list[str]:
        """Write tokenizer, preprocessor_config.json and processor_config.json."""
        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        self.tokenizer.save_pretrained(folder)
        self.image_processor.save_pretrained(folder)
        (folder / "processor_config.json").write_text(
            f'{{"processor_class": "DragonflyProcessor", "image_encoding_style": "{STYLE}"}}\n'
        )
        return [str(folder)]

    def __call__(
        self,
        text: str | Sequence[str] | None = None,
        images: Any = None,
        max_length: int | None = None,
        return_tensors: str | None = "pt",
        is_generate: bool = False,
        **kwargs: Any,
    ) -> BatchFeature:
        """input_ids, attention_mask, image_patches_indices (-1 for text) and image_patches.

        text: one prompt, special tokens included, for each row; images: one picture or None for each row.
        Rows are padded on the left to generate, on the right to train. Where the text holds placeholders,
        one for each picture: input_ids, attention_mask and pixel_values (pictures, crops, 3, S, S) instead.
        raises: PromptTooLong, PicturesUnusable
        """
        prompts = [text] if isinstance(text, str) else list(text or [])
        if any(self.image_token in prompt for prompt in prompts):
            served: BatchFeature = super().__call__(
                images=images, text=text, return_tensors=return_tensors, **kwargs
            )
            return served
        pictures = list(images) if isinstance(images, list | tuple) else [images] * len(prompts)
        if len(pictures) != len(prompts) or not prompts:
            raise PicturesUnusable(prompts=len(prompts), pictures=len(pictures))
        rows = [self.words(prompt, max_length, is_generate) for prompt in prompts]
        patches = [
            None if picture is None else self.image_processor.crops_of(picture) for picture in pictures
        ]
        return self.assemble(rows, patches, left=is_generate)

    def words(self, prompt: str, max_length: int | None, is_generate: bool) -> list[int]:
        """Begin token and prompt, and the closing token for training; raises PromptTooLong."""
        limit = max_length or (2048 if self.zoom_plan.version == "v1" else 4096)
        ids = [self.begin_id, *self.tokenizer.encode(prompt.removeprefix(BEGIN), add_special_tokens=False)]
        budget = limit // 2 - 1
        if len(ids) > budget:
            raise PromptTooLong(len(ids) - budget, budget)
        return ids if is_generate else [*ids, self.end_id]

    def assemble(
        self, rows: Sequence[list[int]], patches: Sequence[torch.Tensor | None], *, left: bool
    ) -> DragonflyBatch:
        """Rows of word ids behind their visual positions, padded to one length."""
        visual = self.visual_ids()
        places = [self.visual_indices() if one is not None else [] for one in patches]
        ids = [(visual if place else []) + row for row, place in zip(rows, places, strict=True)]
        longest = max(map(len, ids))
        pad = self.tokenizer.eos_token_id
        data: dict[str, Any] = {"input_ids": [], "attention_mask": [], "image_patches_indices": []}
        for row, place in zip(ids, places, strict=True):
            gap = longest - len(row)
            indices = place + [-1] * (len(row) - len(place))
            data["input_ids"].append(_padded(row, gap, pad, left))
            data["attention_mask"].append(_padded([1] * len(row), gap, 0, left))
            data["image_patches_indices"].append(_padded(indices, gap, -1, left))
        batch = DragonflyBatch(data, tensor_type="pt")
        batch["image_patches"] = list(patches)
        return batch

    def replace_image_token(self, image_inputs: dict[str, Any], image_idx: int, **_: Any) -> str:
        """What stands for one placeholder: `visual_ids` as text; the same for every picture."""
        return "".join(IMAGE_TOKEN * count + NEWLINE_TOKEN for count in self.zoom_plan.segments)

    def _process_images(self, images: Any, **_: Any) -> tuple[dict[str, Any], list[str]]:
        crops = self.image_processor.stacked(images if isinstance(images, list | tuple) else [images])
        return {"pixel_values": crops}, [self.replace_image_token({}, i) for i in range(len(crops))]

    def _get_num_multimodal_tokens(
        self, image_sizes: Sequence[Sequence[int]] | None = None, **_: Any
    ) -> MultiModalData:
        """Positions of each picture (newlines included), and its rows in pixel_values: whatever its size."""
        count = len(image_sizes or ())
        return MultiModalData(
            num_image_tokens=[self.zoom_plan.visual_positions] * count, num_image_patches=[1] * count
        )

    def visual_ids(self) -> list[int]:
        """The ids of one picture: a placeholder for each token, a newline after each crop."""
        return [
            i for n in self.zoom_plan.segments for i in [self.image_token_id] * n + [self.newline_token_id]
        ]

    def visual_indices(self) -> list[int]:
        """Which visual embedding stands at each of these positions; -1 for a newline."""
        indices: list[int] = []
        count = 0
        for length in self.zoom_plan.segments:
            indices += [*range(count, count + length), -1]
            count += length
        return indices

    def batch_decode(self, *args: Any, **kwargs: Any) -> list[str]:
        """As the tokenizer does."""
        texts: list[str] = self.tokenizer.batch_decode(*args, **kwargs)
        return texts

    def decode(self, *args: Any, **kwargs: Any) -> str:
        """As the tokenizer does."""
        text: str = self.tokenizer.decode(*args, **kwargs)
        return text

    def _id(self, token: str) -> int:
        found = self.tokenizer.convert_tokens_to_ids(token)
        if found is None or found == self.tokenizer.unk_token_id:
            raise ValueError(f"The tokenizer has no {token}: it is not that of a Dragonfly checkpoint.")
        return int(found)


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a checkpoint folder, from its files alone."""
    return PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)


def _padded(row: list[int], gap: int, value: int, left: bool) -> list[int]:
    return [value] * gap + row if left else row + [value] * gap
