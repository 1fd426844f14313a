"""The verbs of the command line: help, arguments and what each does."""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.commands import evaluating, identity, keeping, models, pictures, records, running, training
from app.settings import Settings

Run = Callable[[Settings, Namespace], int | None]
Arguments = list[tuple[tuple[str, ...], dict[str, Any]]]
PATH: dict[str, Any] = {"type": Path}
WINDOW: dict[str, Any] = {
    "type": float,
    "nargs": 2,
    "metavar": ("CENTER", "WIDTH"),
    "help": "in the unit of the values, HU for CT",
}

ALIGNED: Arguments = [
    (("--drawings",), {"type": int, "default": 6000, "help": "how many drawings to train on"}),
    (("--tower-steps",), {"type": int, "default": 4000, "help": "steps of the vision tower"}),
    (("--naming-steps",), {"type": int, "default": 200, "help": "steps of naming single crops"}),
    (("--seed",), {"type": int, "default": 6, "help": "seed of everything drawn by chance"}),
    (
        ("--keep",),
        {**PATH, "help": "folder for what each stage leaves; stages that lie there are not repeated"},
    ),
]


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
        "Add a person, give them a new password (read from standard input), or take a lost second factor off.",
        [
            (("action",), {"choices": ["add", "password", "list", "factor-off"], "help": "what to do"}),
            (("username",), {"nargs": "?", "default": "", "help": "name to sign in with"}),
            (("--name",), {"default": "", "help": "name as it stands on signed reports"}),
            (
                ("--role",),
                {
                    "choices": ["clinician", "researcher", "admin", "auditor"],
                    "default": "clinician",
                    "help": "exactly one each; an admin sees no patient, an auditor only the record",
                },
            ),
        ],
        running.user,
    ),
    "verify": (
        "Prove an audit log: an exported file, a SQLite database, or (without a file) this installation. "
        "Exit status: 0 clean, 1 tampered, 2 cannot tell.",
        [
            (("log",), {**PATH, "nargs": "?", "help": "exported log, receipt or SQLite database"}),
            (("--public",), {**PATH, "help": "public key (default: of this installation)"}),
            (("--first-key",), {**PATH, "help": "escrowed first chain key"}),
            (("--anchor",), {"action": "append", "default": [], "help": "SIZE:ROOT as printed on a report"}),
            (("--witness",), {**PATH, "help": "lines that the witness on another host kept"}),
            (
                ("--paper",),
                {**PATH, "help": "a PDF: whether these very bytes left, and is there a later one"},
            ),
            (
                ("--roots",),
                {
                    **PATH,
                    "help": "certificates (PEM) by which the paper's signature or time-stamps are judged",
                },
            ),
            (
                ("--stamps",),
                {**PATH, "help": "folder of time-stamps: how far they reach, and the longest gap"},
            ),
        ],
        records.verify,
    ),
    "audit-export": (
        "Write the record as a sealed file, as FHIR AuditEvents or as syslog messages (DICOM PS3.15 A.5), or send these.",
        [
            (("file",), {**PATH, "nargs": "?", "help": "file to write; must not exist"}),
            (
                ("--form",),
                {
                    "choices": ["sealed", "fhir", "syslog"],
                    "default": "sealed",
                    "help": "what an entry becomes",
                },
            ),
            (("--after",), {"type": int, "default": -1, "help": "only entries behind this number"}),
            (
                ("--send",),
                {"default": "", "help": "syslog+tls://host:port or syslog://host:port instead of a file"},
            ),
        ],
        records.audit_export,
    ),
    "receipt": (
        "Write the proof that one entry stands in the record, which `verify` or the single file check without the record.",
        [
            (("number",), {"type": int, "help": "number of the entry, or with --continues of entries"}),
            (
                ("-o", "--out"),
                {**PATH, "required": True, "metavar": "FILE", "help": "file to write; must not exist"},
            ),
            (
                ("--continues",),
                {
                    "action": "store_true",
                    "help": "prove instead that the record continues so many entries, whose tree hash stands on a paper",
                },
            ),
            (("--log",), {**PATH, "help": "file of a closed log, in place of the record of now"}),
        ],
        records.give_receipt,
    ),
    "stamp": (
        "Write a request to carry to a time-stamp authority, or take its answers from where they were brought.",
        [
            (("folder",), {**PATH, "help": "folder of requests (.tsq) and answers (.tsr)"}),
            (("--take",), {"action": "store_true", "help": "keep the answers that lie there"}),
        ],
        records.stamp,
    ),
    "backup": (
        "Write two archives that bring this installation back: data and keys, sealed to somebody who is offline.",
        [
            (("folder",), {**PATH, "help": "folder to write them into"}),
            (
                ("--to",),
                {
                    "default": "",
                    "metavar": "RECIPIENT",
                    "help": "age1…, or a file with it (default: DRAGONFLY_BACKUP_RECIPIENT)",
                },
            ),
        ],
        keeping.backup,
    ),
    "backup-key": (
        "Make a key that opens backups, on a machine that is offline; prints whom to seal them to.",
        [(("file",), {**PATH, "help": "file for the key; must not exist"})],
        keeping.backup_key,
    ),
    "restore": (
        "Bring an installation back from both archives into an empty place, and prove record and files. "
        "Exit status: 0 all is as it was, 1 something is not.",
        [
            (("data",), {**PATH, "help": "archive of data (…-data.age)"}),
            (("keys",), {**PATH, "help": "archive of keys (…-keys.age); the newest there is"}),
            (("--identity",), {**PATH, "required": True, "help": "file with the key that opens them"}),
            (
                ("--public",),
                {**PATH, "help": "the auditor's copy of public.pem, to know whose archives they are"},
            ),
        ],
        keeping.restore,
    ),
    "rotate-key": (
        "Put a new site key in the place of the one there is, while web and workers run; goes on after a stop.",
        [],
        keeping.rotate_key,
    ),
    "retain": (
        "List what was kept longer than DRAGONFLY_RETAIN_… say, or ask for its erasure, which a second person decides.",
        [
            (("--dry-run",), {"action": "store_true", "help": "only list it"}),
            (
                ("--yes",),
                {"action": "store_true", "help": "ask for erasures, forget uploads, let closed logs go"},
            ),
            (
                ("--by",),
                {"default": "", "metavar": "NAME", "help": "clinician or administrator who answers for it"},
            ),
            (("--closed",), {**PATH, "help": "folder of closed logs"}),
            (("--copies",), {**PATH, "help": "where the auditor's copies of them lie"}),
        ],
        keeping.retain,
    ),
    "new-log": (
        "Close the record into a sealed file and open the next one, which names it and the reason.",
        [
            (("folder",), {**PATH, "help": "folder for the closed log's file"}),
            (
                ("--reason",),
                {
                    "choices": ["rotation", "restored", "damaged"],
                    "required": True,
                    "help": "it is long; a copy was restored; it does not verify",
                },
            ),
            (("--ahead",), {"default": "", "help": "SIZE:ROOT by which somebody proves that it was longer"}),
        ],
        records.new_log,
    ),
    "render": (
        "Write what the reader is shown of a file as PNG (default: the file's first window or VOI LUT).",
        [
            (("file",), {**PATH, "help": "DICOM, PNG, JPEG or TIFF file"}),
            (("out",), {**PATH, "help": "PNG file to write"}),
            (("--frame",), {"type": int, "default": 0, "help": "frame, counted from 0"}),
            (("--window",), WINDOW),
        ],
        pictures.render,
    ),
    "inspect": (
        "Say what a file is, what in it tells whose it is, and what the gate says, as JSON; nothing of the patient "
        "unless asked. Exit status: 0 it can be shown, 1 it is refused.",
        [
            (("file",), {**PATH, "help": "DICOM, PNG, JPEG or TIFF file"}),
            (("--identity",), {"action": "store_true", "help": "print the patient's values as well"}),
        ],
        identity.inspect,
    ),
    "deidentify": (
        "Write copies without identity (PS3.15 basic profile) under new names; nothing is overwritten. "
        "Exit status: 0 all are written, 1 some were refused.",
        [
            (("source",), {**PATH, "help": "file, folder or ZIP"}),
            (("target",), {**PATH, "help": "file or folder to write; must not exist"}),
            (
                ("--secret",),
                {
                    **PATH,
                    "help": "file of at least 32 bytes that new UIDs come from (default: this installation's)",
                },
            ),
            (
                ("--dates",),
                {
                    "choices": ["remove", "shift", "keep"],
                    "default": "remove",
                    "help": "shift moves all dates of a patient by the same number of days",
                },
            ),
            *[
                ((f"--{name.replace('_', '-')}",), {"action": "store_true", "help": text})
                for name, text in identity.SWITCHES.items()
            ],
        ],
        identity.deidentify,
    ),
    "ask": (
        "Ask a question about a picture on the terminal.",
        [
            (("file",), {**PATH, "help": "DICOM, PNG, JPEG or TIFF file"}),
            (("question",), {"help": "in the language of the model; the demonstration model knows English"}),
            (("--model",), {**PATH, "help": "checkpoint folder (default: the demonstration model)"}),
            (("--frame",), {"type": int, "default": 0, "help": "frame, counted from 0"}),
            (("--window",), WINDOW),
        ],
        pictures.ask,
    ),
    "convert": (
        "Write a published checkpoint (pickles) as safetensors that stand alone.",
        [
            (("source",), {**PATH, "help": "folder as it was downloaded"}),
            (("target",), {**PATH, "help": "folder to write"}),
        ],
        models.convert,
    ),
    "export": (
        "Write a checkpoint as a folder that a model server (vLLM) loads, with the code it needs.",
        [
            (("source",), {**PATH, "help": "checkpoint folder"}),
            (("target",), {**PATH, "help": "folder to write; empty or not there yet"}),
        ],
        models.export,
    ),
    "train": (training.HELP, training.ARGUMENTS, training.train),
    "merge-adapter": (training.MERGE_HELP, training.MERGE_ARGUMENTS, training.merge_adapter),
    "train-demo": (
        "Make the demonstration model again from its drawings (about an hour of one CPU core).",
        [
            (("out",), {**PATH, "help": "folder to write"}),
            *ALIGNED,
            (("--steps",), {"type": int, "default": 1500, "help": "steps of questions"}),
            (
                ("--last-steps",),
                {"type": int, "default": 300, "help": "steps with notes that claim and ramble"},
            ),
        ],
        models.train_demo,
    ),
    "evaluate": (evaluating.HELP, evaluating.ARGUMENTS, evaluating.evaluate),
    "ablate": (
        "Compare six ways to hand a picture to the language model, from one aligned model, over three seeds.",
        [
            (
                ("out",),
                {**PATH, "help": "folder for results, table and figure; what lies there is not repeated"},
            ),
            *ALIGNED,
            (
                ("--common-steps",),
                {
                    "type": int,
                    "default": 150,
                    "help": "steps before the arms part, in the forms of all of them",
                },
            ),
            (("--steps",), {"type": int, "default": 60, "help": "steps of each arm"}),
            (("--batch",), {"type": int, "default": 6, "help": "drawings of one step"}),
            (("--seeds",), {"type": int, "default": 3, "help": "how many seeds"}),
            (("--count",), {"type": int, "default": 600, "help": "how many held-out drawings"}),
            (("--card",), {**PATH, "help": "model folder whose card gets the result"}),
        ],
        models.ablate,
    ),
    "evaluate-demo": (
        "Measure the demonstration model on held-out drawings.",
        [
            (("--model",), {**PATH, "help": "checkpoint folder (default: the one that is shipped)"}),
            (("--count",), {"type": int, "default": 600, "help": "how many drawings"}),
            (("--card",), {"action": "store_true", "help": "write the figures into the model card"}),
            (
                ("--quantization",),
                {
                    "choices": ["none", "int8"],
                    "default": "none",
                    "help": "measure what weights in eight bits cost in accuracy",
                },
            ),
        ],
        models.evaluate_demo,
    ),
    "doctor": (
        "Look at driver, memory, weights, disk, database and keys, and say the fix for each.",
        [],
        running.doctor,
    ),
    "bench": ("Print figures of speed and memory; asserts nothing.", [], models.bench),
    "random-checkpoint": (
        "Write a checkpoint with random weights at a stated size, to measure with; its answers are noise.",
        [
            (("out",), {**PATH, "help": "folder to write"}),
            (
                ("--shape",),
                {"default": "v1-100m", "help": "tower and size: v1-100m, v2-100m, v1-1b, v1-8b or v2-8b"},
            ),
            (
                ("--dtype",),
                {
                    "choices": ["float32", "bfloat16", "float16"],
                    "default": "float32",
                    "help": "precision of the weights",
                },
            ),
            (
                ("--layout",),
                {
                    "choices": ["safetensors", "pickled"],
                    "default": "safetensors",
                    "help": "kind of weight files; pickled is that of the published checkpoints",
                },
            ),
        ],
        models.random_checkpoint,
    ),
    "bench-images": (
        "Print how fast pictures come to the screen: decoding beside other tools, a drawn CT from upload to volume, "
        "planes through it, tiles of slides, and the memory of each; asserts nothing.",
        [(("--slices",), {"type": int, "default": 500, "help": "slices of the drawn CT"})],
        pictures.bench_images,
    ),
    "bench-model": (
        "Measure the engine beside a plain generate loop: same weights, same picture, one run.",
        [
            (
                ("--model",),
                {**PATH, "help": "checkpoint folder (default: one of --shape is written and removed again)"},
            ),
            (("--shape",), {"default": "v1-100m", "help": "as for random-checkpoint"}),
            (
                ("--threads",),
                {"type": int, "default": 0, "help": "threads of arithmetic; 0: one for each core"},
            ),
            (
                ("--repeats",),
                {"type": int, "default": 3, "help": "how often each is measured; medians are printed"},
            ),
        ],
        models.bench_model,
    ),
    "bench-trust": (
        "Print how many entries of the record are committed in a second, alone and together, and how long readers wait.",
        [
            (
                ("--database",),
                {
                    "default": "",
                    "help": "an empty database to measure on (default: SQLite in a scratch folder)",
                },
            )
        ],
        records.bench_trust,
    ),
    "bench-load": (
        "Measure the memory that opening a checkpoint takes, in a new process, and ask it a question.",
        [
            (
                ("--model",),
                {**PATH, "help": "checkpoint folder (default: one of --shape is written and removed again)"},
            ),
            (("--shape",), {"default": "v1-1b", "help": "as for random-checkpoint"}),
            (
                ("--stored",),
                {
                    "choices": ["float32", "bfloat16", "float16"],
                    "default": "bfloat16",
                    "help": "precision of the weights on disk",
                },
            ),
            (
                ("--layout",),
                {
                    "choices": ["safetensors", "pickled"],
                    "default": "pickled",
                    "help": "kind of weight files",
                },
            ),
            (("--silent",), {"action": "store_true", "help": "open it only, and ask nothing"}),
        ],
        models.bench_load,
    ),
    "prove-gpu": (
        "On a CUDA device: bfloat16 beside float32, going on after memory ran out, bench-model at the 8B shape; "
        "writes gpu-DATE.md. Exit status: 0 all holds, 1 something does not, 2 there is no GPU.",
        [
            (("folder",), {**PATH, "help": "folder of records to write into"}),
            (
                ("--model",),
                {**PATH, "help": "checkpoint folder (default: one of --shape is written and removed again)"},
            ),
            (("--shape",), {"default": "v1-8b", "help": "as for random-checkpoint"}),
        ],
        models.prove_gpu,
    ),
}

EXAMPLES: dict[str, str] = {
    "demo": "Prints the address and the sign-ins; Ctrl-C stops it.\n\n  dragonfly-med demo --folder /tmp/demo",
    "serve": "Behind a proxy with TLS set DRAGONFLY_PUBLIC_URL.\n\n  DRAGONFLY_PORT=7860 dragonfly-med serve",
    "work": "On a stop it hands over what it does.\n\n  DRAGONFLY_DEVICE=cuda dragonfly-med work --model /srv/med",
    "migrate": "Run it after every upgrade, before web and workers.\n\n  dragonfly-med migrate",
    "user": "  echo 'a long password' | dragonfly-med user add dr.lee --name 'Lee, Seoyeon' --role clinician",
    "verify": "  dragonfly-med verify\n  dragonfly-med verify audit-log.jsonl --public public.pem --first-key first.key",
    "audit-export": (
        "  dragonfly-med audit-export log.jsonl\n"
        "  dragonfly-med audit-export --form syslog --after 4711 --send syslog://siem.hospital.example"
    ),
    "receipt": (
        "  dragonfly-med receipt 4711 -o receipt.json && dragonfly-med verify receipt.json\n"
        "  dragonfly-med receipt 4200 --continues -o continues.json\n"
        "  dragonfly-med receipt 17 --log /mnt/closed-logs/log-….jsonl -o old.json"
    ),
    "stamp": (
        "Where the authority cannot be reached from here; names the checkpoint that the request is over.\n\n"
        "  dragonfly-med stamp /media/stick\n"
        "  dragonfly-med stamp /media/stick --take && dragonfly-med verify --stamps data/stamps"
    ),
    "backup": "  dragonfly-med backup /mnt/backups --to age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq",
    "backup-key": "  dragonfly-med backup-key /media/stick/backup.key",
    "restore": (
        "The settings say where to: a folder and a database in which nothing is yet.\n\n"
        "  dragonfly-med restore dragonfly-20261125T033000Z-data.age dragonfly-20261125T033000Z-keys.age "
        "--identity backup.key"
    ),
    "rotate-key": (
        "The next backup's archive of keys holds the new one.\n\n  dragonfly-med rotate-key && dragonfly-med backup /mnt/backups"
    ),
    "retain": (
        "Patients who are held stay. A closed log goes only when the same bytes lie with the auditor.\n\n"
        "  DRAGONFLY_RETAIN_UNSIGNED_DAYS=90 dragonfly-med retain --dry-run\n"
        "  dragonfly-med retain --yes --by dr.lee --closed /mnt/closed-logs --copies /mnt/auditor"
    ),
    "new-log": "  dragonfly-med new-log /mnt/closed-logs --reason rotation",
    "render": "  dragonfly-med render slice.dcm slice.png --window 40 400",
    "inspect": "  dragonfly-med inspect slice.dcm",
    "deidentify": (
        "Standard output says what was done to how many files; text burned into pixels is a warning.\n\n"
        "  dragonfly-med deidentify study/ clean/ --secret key.txt --dates shift --clean-pixels"
    ),
    "ask": "  dragonfly-med ask chest.dcm 'Is the heart enlarged?'",
    "convert": "  dragonfly-med convert ~/Llama-3-8B-Dragonfly-Med-v1 /srv/med",
    "export": "Prints the name to serve it under.\n\n  dragonfly-med export /srv/med /srv/med-served",
    "train": training.EXAMPLE,
    "merge-adapter": training.MERGE_EXAMPLE,
    "train-demo": "  dragonfly-med train-demo /tmp/demo-model",
    "evaluate": evaluating.EXAMPLE,
    "ablate": "  dragonfly-med ablate /tmp/ablation --keep /tmp/stages",
    "evaluate-demo": "  dragonfly-med evaluate-demo --count 100",
    "doctor": "Exit status: 0 all is well, 1 something is to be fixed.\n\n  dragonfly-med doctor",
    "bench": "  dragonfly-med bench",
    "bench-images": "  dragonfly-med bench-images --slices 100",
    "bench-trust": "  dragonfly-med bench-trust --database postgresql+psycopg:///bench",
    "random-checkpoint": "  dragonfly-med random-checkpoint /tmp/v1-1b --shape v1-1b --dtype bfloat16 --layout pickled",
    "bench-model": (
        "Device and precision are those of the settings.\n\n"
        "  dragonfly-med bench-model\n"
        "  DRAGONFLY_DEVICE=cuda DRAGONFLY_DTYPE=bfloat16 dragonfly-med bench-model --shape v1-8b"
    ),
    "bench-load": (
        "Device, precision and quantization are those of the settings.\n\n"
        "  DRAGONFLY_DTYPE=bfloat16 dragonfly-med bench-load --shape v1-1b"
    ),
    "prove-gpu": "Needs 34 GB of its memory and 17 GB of disk.\n\n  dragonfly-med prove-gpu deploy/records",
}
