"""Plays a server's part without the server: the calls that vLLM's Transformers backend makes, in its order.

Written after reading vllm/model_executor/models/transformers (base.py, multimodal.py, causal.py as of October
2026). What it stands for and does not do: torch.compile, fused layers, several GPUs, paged memory.
"""

import json
import threading
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from transformers import AttentionInterface, AutoConfig, AutoModel, AutoProcessor

ATTENTION = "played_server"


class Memory:
    """Keys and values of one layer, of each request that runs; what the server calls an attention instance."""

    def __init__(self):
        self.kept, self.slices = {}, []

    def attend(self, query, key, value, scaling):
        """Each request by itself. query: (1, heads, tokens of all requests, size); returns (1, tokens, heads, size)."""
        repeat = query.shape[1] // key.shape[1]
        answers = []
        for request, place in self.slices:
            old = self.kept.get(request)
            keys, values = key[0, :, place], value[0, :, place]
            if old is not None:
                keys, values = torch.cat([old[0], keys], 1), torch.cat([old[1], values], 1)
            self.kept[request] = keys, values
            asked = query[0, :, place]
            scores = asked @ keys.repeat_interleave(repeat, 0).transpose(1, 2) * scaling
            tokens, positions = scores.shape[1:]
            later = torch.ones(tokens, positions, dtype=torch.bool).triu(positions - tokens + 1)
            weights = scores.masked_fill(later, float("-inf")).softmax(-1)
            answers.append(weights @ values.repeat_interleave(repeat, 0))
        return torch.cat(answers, 1).transpose(0, 1)[None]


def _attention(module, query, key, value, attention_mask, *, scaling, attention_instances, **_):
    """The server puts its own function here; the model must hand its instances down and build no mask."""
    assert attention_mask is None
    return attention_instances[module.layer_idx].attend(query, key, value, scaling), None


AttentionInterface.register(ATTENTION, _attention)


class Request:
    """One prompt: ids with the placeholders filled in, where embeddings go, and the pictures' tensors."""

    def __init__(self, ids, is_visual, pixel_values, num_image_patches):
        self.ids, self.is_visual = ids, is_visual
        self.pixel_values, self.num_image_patches = pixel_values, num_image_patches


class Backend:
    """An exported folder, loaded and asked as a server does.

    processor: None loads everything by the folder's own code, as a server would; otherwise the classes that are
    registered here are taken, and this processor.
    """

    def __init__(self, folder: Path, processor=None):
        remote = processor is None
        asked = {"trust_remote_code": remote, "local_files_only": True}
        self.config = AutoConfig.from_pretrained(folder, **asked)
        self.text_config = self.config.get_text_config()
        self.text_config._attn_implementation = ATTENTION
        with _ParametersOnMeta():
            self.model = AutoModel.from_config(self.config, dtype=torch.float32, trust_remote_code=remote)
        width, words = self.text_config.hidden_size, self.text_config.vocab_size
        self.model.set_input_embeddings(nn.Embedding(words, width))
        self.lm_head = nn.Linear(width, words, bias=False)
        _give_room(self.model)
        self._load(folder)
        self.model.eval()
        self.processor = processor or AutoProcessor.from_pretrained(folder, **asked)
        self.tokenizer = self.processor.tokenizer
        self._turn = threading.Lock()
        self.layers = {i: Memory() for i in range(self.text_config.num_hidden_layers)}

    def _load(self, folder):
        """By name: `lm_head.weight` is the server's own, all else lies below `model.`."""
        tensors = {}
        for file in sorted(folder.glob("model*.safetensors")):
            tensors |= load_file(file)
        head = tensors.pop("lm_head.weight")
        self.lm_head.load_state_dict({"weight": head.float()})
        assert all(name.startswith("model.") for name in tensors)
        named = {name.removeprefix("model."): one.float() for name, one in tensors.items()}
        report = self.model.load_state_dict(named, strict=False)
        assert not report.missing_keys and not report.unexpected_keys, report

    # -- from messages to a request ------------------------------------------------------------------------

    def render(self, messages):
        """The renderer: template, then ids, with one placeholder for each picture."""
        text = self.processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return self.tokenizer.encode(text, add_special_tokens=False)

    def request(self, messages, pictures):
        """Pictures go through the processor beside a dummy text; its offsets tell what each placeholder becomes."""
        ids = self.render(messages)
        if not pictures:
            return Request(ids, [False] * len(ids), None, None)
        sent = self.processor(
            text=self.processor.image_token * len(pictures),
            images=list(pictures),
            return_text_replacement_offsets=True,
            truncation=False,
            add_special_tokens=False,
            return_tensors="pt",
        )
        sent = dict(sent)
        offsets = sent.pop("text_replacement_offsets")
        for unused in ("input_ids", "attention_mask"):
            sent.pop(unused)
        assert set(sent) == {"pixel_values"}  # anything else would be handed to get_image_features
        counts = self.processor._get_num_multimodal_tokens(
            image_sizes=[(picture.height, picture.width) for picture in pictures]
        )["num_image_patches"]
        assert len(sent["pixel_values"]) == sum(counts)
        filled, is_visual = self._fill(ids, offsets[0])
        return Request(filled, is_visual, sent["pixel_values"], counts)

    def _fill(self, ids, offsets):
        """Each placeholder in turn replaced; the commonest id of a replacement is where embeddings go."""
        target = self.tokenizer.encode(self.processor.image_token, add_special_tokens=False)
        assert len(target) == 1 and [one["type"] for one in offsets] == ["image"] * ids.count(target[0])
        filled, is_visual, rest = [], [], iter(offsets)
        for token in ids:
            if token != target[0]:
                filled.append(token)
                is_visual.append(False)
                continue
            replacement = self.tokenizer.encode(next(rest)["replacement"], add_special_tokens=False)
            embed = int(torch.tensor(replacement).mode().values)
            filled += replacement
            is_visual += [one == embed for one in replacement]
        return filled, is_visual

    # -- from a request to tokens --------------------------------------------------------------------------

    def features(self, request):
        """One (tokens, width) for each picture, split as the server splits rows: evenly by its counts."""
        output = self.model.get_image_features(request.pixel_values, return_dict=True)
        rows = output.pooler_output.flatten(0, -2)
        shares = sum(request.num_image_patches)
        assert len(rows) % shares == 0
        return rows.split([count * (len(rows) // shares) for count in request.num_image_patches])

    def embed(self, request):
        """Word embeddings with the pictures' rows in their places."""
        embeddings = self.model.get_input_embeddings()(torch.tensor(request.ids))
        if request.pixel_values is not None:
            places = torch.tensor(request.is_visual)
            rows = torch.cat(self.features(request))
            assert len(rows) == int(places.sum())
            embeddings[places] = rows
        return embeddings

    def forward(self, parts):
        """One call for the tokens of many requests, laid end to end: {request: (embeddings, first position)}."""
        start, slices, positions = 0, [], []
        for name, (embeddings, first) in parts.items():
            slices.append((name, slice(start, start + len(embeddings))))
            positions.append(torch.arange(first, first + len(embeddings)))
            start += len(embeddings)
        for layer in self.layers.values():
            layer.slices = slices
        outputs = self.model(
            input_ids=None,
            inputs_embeds=torch.cat([one for one, _ in parts.values()])[None],
            use_cache=False,
            position_ids=torch.cat(positions)[None],
            attention_instances=self.layers,
            return_dict=False,
        )
        hidden = outputs[0][0]
        assert hidden.shape == (start, self.text_config.hidden_size)
        return {name: hidden[place] for name, place in slices}

    @torch.inference_mode()
    def generate(self, requests, max_tokens, ends=(), chunk=300):
        """Greedy tokens and their log-probabilities, all requests in company; prompts are read in chunks."""
        said = {name: [] for name in requests}
        logged = {name: [] for name in requests}
        ahead = {name: (self.embed(one), 0) for name, one in requests.items()}
        while ahead:
            now = {name: (rows[:chunk], first) for name, (rows, first) in ahead.items()}
            for name, hidden in self.forward(now).items():
                rows, first = ahead.pop(name)
                if len(rows) > chunk:
                    ahead[name] = rows[chunk:], first + chunk
                    continue
                token, log_probability = self._likeliest(hidden)
                said[name].append(token)
                logged[name].append(log_probability)
                if token not in ends and len(said[name]) < max_tokens:
                    ahead[name] = self._word(token), first + len(rows)
        self._forget(requests)
        return said, logged

    def speak(self, name, request):
        """Greedy tokens of one request without end, each with its log-probability; many threads may ask."""
        with self._turn, torch.inference_mode():
            rows, first = self.embed(request), 0
        try:
            while True:
                with self._turn, torch.inference_mode():
                    token, log_probability = self._likeliest(self.forward({name: (rows, first)})[name])
                    first += len(rows)
                    rows = self._word(token)
                yield token, log_probability
        finally:
            self._forget([name])

    def _likeliest(self, hidden):
        scores = self.lm_head(hidden[-1]).log_softmax(-1)
        token = int(scores.argmax())
        return token, float(scores[token])

    def _word(self, token):
        return self.model.get_input_embeddings()(torch.tensor([token]))

    def _forget(self, names):
        for layer in self.layers.values():
            for name in names:
                layer.kept.pop(name, None)


def user(text, pictures=1):
    """A user's turn as it reaches the template."""
    return [{"role": "user", "content": [{"type": "image"}] * pictures + [{"type": "text", "text": text}]}]


class _ParametersOnMeta:
    """Parameters are made without memory, buffers with it."""

    def __enter__(self):
        self._given = nn.Module.register_parameter

        def register(module, name, parameter):
            self._given(module, name, parameter)
            if parameter is not None:
                module._parameters[name] = nn.Parameter(parameter.to("meta"), requires_grad=False)

        nn.Module.register_parameter = register

    def __exit__(self, *_):
        nn.Module.register_parameter = self._given


def _give_room(module):
    for name, parameter in module.named_parameters(recurse=False):
        if parameter.is_meta:
            setattr(
                module, name, nn.Parameter(torch.empty_like(parameter, device="cpu"), requires_grad=False)
            )
    for child in module.children():
        _give_room(child)


def auto_map(folder):
    """The order in which a server looks for classes."""
    return json.loads((folder / "config.json").read_text())["auto_map"]
