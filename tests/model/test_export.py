"""The exported folder stands alone: another process, which has nothing of this repository, answers the same."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from app.cli import main
from model.answers import Sampling
from model.checkpoints import fingerprint, read_card
from model.demo import DEMO_MODEL
from model.engine import open_engine
from model.export import code, export
from model.processing_dragonfly import chat
from tests.model.conftest import REFERENCE

# Run where `model` and `app` cannot be imported, whatever is installed. Asks each folder in the original's way
# (generate) and as a server does, and prints the tokens of both.
STRANGER = """
import importlib.util, json, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("model", "app", "dicom", "storage"):
            raise ImportError(f"{name} is of the repository")

sys.meta_path.insert(0, Refuse())
import torch
from PIL import Image
from transformers import AutoConfig, AutoImageProcessor, AutoModelForCausalLM, AutoProcessor, AutoTokenizer

spec = importlib.util.spec_from_file_location("backend", sys.argv[1])
backend = importlib.util.module_from_spec(spec)
spec.loader.exec_module(backend)
asked = {"trust_remote_code": True, "local_files_only": True}
for line in sys.stdin:
    case = json.loads(line)
    shown = Image.open(case["picture"]).convert("RGB")
    config = AutoConfig.from_pretrained(case["folder"], **asked)
    assert type(config).__module__.startswith("transformers_modules."), type(config)
    model = AutoModelForCausalLM.from_pretrained(case["folder"], dtype=torch.float32, **asked).eval()
    processor = AutoProcessor.from_pretrained(case["folder"], **asked)
    batch = processor(text=[case["prompt"]], images=[shown], is_generate=True)
    ids = model.generate(
        **batch, max_new_tokens=case["tokens"], do_sample=False, pad_token_id=processor.end_id
    )
    served = backend.Backend(backend.Path(case["folder"]))
    request = served.request(backend.user(case["text"]), [shown])
    assert request.ids == batch["input_ids"][0].tolist()
    tokenizer = AutoTokenizer.from_pretrained(case["folder"], **asked)
    assert tokenizer.chat_template == processor.chat_template
    assert tokenizer.encode(processor.image_token, add_special_tokens=False) == [processor.image_token_id]
    images = AutoImageProcessor.from_pretrained(case["folder"], **asked)
    assert repr(images.zoom_plan) == repr(processor.zoom_plan) and dict(images.size) == dict(images.crop_size)
    ends = model.generation_config.eos_token_id
    said, _ = served.generate({"one": request}, case["tokens"], ends, chunk=1000)
    print(json.dumps([ids[0, batch["input_ids"].shape[1] :].tolist(), said["one"]]))
assert not {"model", "app"} & {name.split(".")[0] for name in sys.modules}
"""


def stranger(cases, folder):
    """What the exported folders say in a process that knows only transformers; offline."""
    backend = Path(__file__).parent / "backend.py"
    home = {"HF_HOME": str(folder), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PATH": os.environ["PATH"]}
    ran = subprocess.run(
        [sys.executable, "-I", "-c", STRANGER, str(backend)],
        input="".join(json.dumps(case) + "\n" for case in cases),
        cwd=folder,
        env=home,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_a_process_without_this_repository_says_the_same_tokens(exported, tmp_path):
    """Both reference checkpoints and the demonstration model, by `generate` and as a server asks."""
    cases, expected = [], []
    for version, name in (("v1", "tiny"), ("v2", "tiny")):
        folder = REFERENCE / version / "cases"
        facts = json.loads((folder / f"{name}.json").read_text())
        text = facts["prompts"][0].split("\n\n")[1].split("<|eot_id|>")[0]
        cases.append(
            {
                "folder": str(exported(version)),
                "picture": str(folder / facts["images"][0]),
                "text": text,
                "prompt": facts["prompts"][0],
                "tokens": 5,
            }
        )
        expected.append(load_file(folder / f"{name}.safetensors")["generated"][0].tolist()[:5])
    text, picture = "Which imaging modality is this?", REFERENCE / "v1" / "cases" / "landscape_0.png"
    cases.append(
        {
            "folder": str(exported("demo")),
            "picture": str(picture),
            "text": text,
            "prompt": chat(text),
            "tokens": 12,
        }
    )
    shown = np.asarray(Image.open(picture).convert("RGB"))
    *_, done = open_engine(DEMO_MODEL).answer([shown], text, Sampling(max_new_tokens=12))

    answers = stranger(cases, tmp_path)

    assert [one[0] for one in answers[:2]] == [one[1] for one in answers[:2]] == expected
    generated, served = answers[2]
    tokenizer = open_engine(DEMO_MODEL).processor.tokenizer
    assert generated == served and len(served) - 1 == done.generated_tokens
    assert tokenizer.decode(served, skip_special_tokens=True) == done.text


def test_the_exported_code_imports_nothing_of_this_repository():
    """Only the library, torch, numpy, Pillow and what Python brings; beside it the folder's own files."""
    texts = code()

    roots, own = set(), set()
    for text in texts.values():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                roots |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                (own if node.level else roots).add((node.module or "").split(".")[0])
    assert {f"{name}.py" for name in own} <= set(texts)
    assert roots - sys.stdlib_module_names == {"torch", "numpy", "PIL", "transformers"}


def test_the_card_names_weights_source_and_served_name(exported):
    """What a worker beside the server checks against; the engine opens the same folder as any checkpoint."""
    folder = exported("demo")
    card, found = json.loads((folder / "card.json").read_text()), fingerprint(folder)

    assert card["fingerprint"] == found == read_card(folder).fingerprint
    assert card["exported_from"] == read_card(DEMO_MODEL).fingerprint
    assert card["served_name"] == f"dragonfly-med-v2-{found[:16]}"
    assert card["demonstration"] is True and card["visual_positions"] == 17 + 40 * 2 + 41
    assert open_engine(folder).card.fingerprint == found
    assert oct((folder / "model.safetensors").stat().st_mode)[-3:] == "644"


def test_a_server_ends_where_the_engine_ends(exported):
    """At the end of a turn and at the end of a text."""
    ends = json.loads((exported("v1") / "generation_config.json").read_text())["eos_token_id"]

    assert set(ends) == open_engine(exported("v1"))._ends


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    """Old weights beside new code would be served without a word."""
    (tmp_path / "model.safetensors").write_bytes(b"other")

    with pytest.raises(ValueError, match="not empty"):
        export(DEMO_MODEL, tmp_path)

    assert (tmp_path / "model.safetensors").read_bytes() == b"other"


def test_the_command_prints_how_to_serve_it(tmp_path, capsys):
    """The name it prints is the one in the card."""
    assert main(["export", str(DEMO_MODEL), str(tmp_path / "out")]) == 0

    name = json.loads((tmp_path / "out" / "card.json").read_text())["served_name"]
    assert (
        f"--trust-remote-code --model-impl transformers --served-model-name {name}" in capsys.readouterr().out
    )
