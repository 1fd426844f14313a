"""The verbs of the command line: help, arguments and what each does."""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.commands import models, pictures, records, running
from app.settings import Settings

Run = Callable[[Settings, Namespace], int | None]
Arguments = list[tuple[tuple[str, ...], dict[str, Any]]]
PATH: dict[str, Any] = {"type": Path}

VERBS: dict[str, tuple[str, Arguments, Run]] = {
    "demo": (
        "Run the whole application on SQLite with the demonstration model and drawn studies.",
        [
            (
                ("--folder",),
                {**PATH, "default": Path("data/demo"), "help": "where the demonstration keeps its data"},
            )
        ],
        running.demo,
    ),
    "serve": ("Run the web process: pages and REST API.", [], running.serve),
    "work": (
        "Run a worker: one process for each device; answers questions until it is told to stop.",
        [
            (
                ("--model",),
                {**PATH, "help": "checkpoint folder (default: DRAGONFLY_MODEL_PATH, else the demonstration)"},
            )
        ],
        running.work,
    ),
    "migrate": (
        "Make the database and its keys, or bring them to the newest schema.",
        [],
        running.run_migrations,
    ),
    "user": (
        "Add a person, or give them a new password; the password is read from standard input.",
        [
            (("action",), {"choices": ["add", "password", "list"]}),
            (("username",), {"nargs": "?", "default": ""}),
            (("--name",), {"default": "", "help": "name as it stands on signed reports"}),
            (
                ("--role",),
                {"choices": ["clinician", "researcher", "admin", "auditor"], "default": "clinician"},
            ),
        ],
        running.user,
    ),
    "verify": (
        "Prove an audit log: an exported file, a SQLite database, or (without a file) this installation. "
        "Exit status: 0 clean, 1 tampered, 2 cannot tell.",
        [
            (("log",), {**PATH, "nargs": "?", "help": "exported log or SQLite database"}),
            (("--public",), {**PATH, "help": "public key (default: of this installation)"}),
            (("--first-key",), {**PATH, "help": "escrowed first chain key"}),
            (("--anchor",), {"action": "append", "default": [], "help": "SIZE:ROOT as printed on a report"}),
        ],
        records.verify,
    ),
    "render": (
        "Write what the reader is shown of a file as PNG (default: the file's first window or VOI LUT).",
        [
            (("file",), PATH),
            (("out",), PATH),
            (("--frame",), {"type": int, "default": 0, "help": "frame, counted from 0"}),
            (("--window",), {"type": float, "nargs": 2, "metavar": ("CENTER", "WIDTH")}),
        ],
        pictures.render,
    ),
    "ask": (
        "Ask a question about a picture on the terminal.",
        [
            (("file",), PATH),
            (("question",), {}),
            (("--model",), {**PATH, "help": "checkpoint folder (default: the demonstration model)"}),
            (("--frame",), {"type": int, "default": 0}),
            (("--window",), {"type": float, "nargs": 2, "metavar": ("CENTER", "WIDTH")}),
        ],
        pictures.ask,
    ),
    "convert": (
        "Write a published checkpoint (pickles) as safetensors that stand alone.",
        [(("source",), PATH), (("target",), PATH)],
        models.convert,
    ),
    "train-demo": (
        "Make the demonstration model again from its drawings (about 45 CPU minutes).",
        [
            (("out",), {**PATH, "help": "folder to write"}),
            (("--drawings",), {"type": int, "default": 6000}),
            (("--tower-steps",), {"type": int, "default": 1800}),
            (("--steps",), {"type": int, "default": 2600}),
            (("--seed",), {"type": int, "default": 6}),
        ],
        models.train_demo,
    ),
    "evaluate-demo": (
        "Measure the demonstration model on held-out drawings.",
        [
            (("--model",), {**PATH, "help": "checkpoint folder (default: the one that is shipped)"}),
            (("--count",), {"type": int, "default": 600}),
            (("--card",), {"action": "store_true", "help": "write the figures into the model card"}),
        ],
        models.evaluate_demo,
    ),
    "doctor": (
        "Look at driver, memory, weights, disk, database and keys, and say the fix for each.",
        [],
        running.doctor,
    ),
    "bench": ("Print figures of speed and memory; asserts nothing.", [], models.bench),
}
