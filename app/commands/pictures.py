"""Looking at a file, and asking about it, without the web application."""

import sys
from argparse import Namespace

from app.settings import Settings
from app.wiring import open_answerer
from dicom.guard import Limits
from dicom.render import View, png
from dicom.sandbox import Decoder
from dicom.windowing import Window
from model.answers import Completion, Sampling
from model.prompts import prompt


def _view(options: Namespace) -> View:
    return View(frame_index=options.frame, window=Window(*options.window) if options.window else None)


def render(settings: Settings, options: Namespace) -> int:
    """Write one frame as PNG."""
    with Decoder(1, Limits(memory_bytes=settings.decoder_memory_bytes)) as decoder:
        options.out.write_bytes(png(decoder.render(options.file, _view(options))))
    return 0


def ask(settings: Settings, options: Namespace) -> int:
    """Print the answer as it comes."""
    if options.model:
        settings = settings.model_copy(update={"model_path": options.model})
    with Decoder(1, Limits(memory_bytes=settings.decoder_memory_bytes)) as decoder:
        picture = decoder.render(options.file, _view(options))
    answerer = open_answerer(settings)
    if answerer.card.demonstration:
        sys.stderr.write("Demonstration model: it knows drawings and nothing about patients.\n")
    text = prompt("question").fill(question=options.question)
    for piece in answerer.answer([picture], text, Sampling(max_new_tokens=settings.max_new_tokens)):
        if not isinstance(piece, Completion):
            sys.stdout.write(piece.text)
            sys.stdout.flush()
    sys.stdout.write("\n")
    return 0


def bench_images(settings: Settings, options: Namespace) -> int:
    """Print figures as they come."""
    from app.bench.images import measure

    for what, figure in measure(options.slices):
        sys.stdout.write(f"  {what:<72}{figure}\n")
        sys.stdout.flush()
    return 0
