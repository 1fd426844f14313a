"""Training from top to bottom: records to sequences, sequences to steps, steps to a model."""

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from model.answers import never
from model.checkpoints import Progress
from model.errors import NotEnoughMemory, TrainingUnusable
from model.loading import load_model
from model.processing_dragonfly import DragonflyProcessor
from model.training import keeping
from model.training.learner import Learner
from model.training.logs import Log, Step, logs
from model.training.order import share, steps_of
from model.training.packing import Batch, collate, fitting, pack
from model.training.records import Record, by_picture, open_pictures, read_records
from model.training.results import write_result
from model.training.spread import clip, computing, exchanging, open_accelerator, spread, summed
from model.training.stages import Training, choose_weights, rate_at, weight_groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Where a training reads and writes, and on what it runs."""

    model: Path
    records: Path
    out: Path
    images: Path | None = None
    """Where the pictures lie; None: beside the records."""
    resume: bool = False
    """Go on from the newest checkpoint, or begin where there is none."""
    device: str = "cpu"
    tensorboard: bool = False
    dtype: str = "auto"
    """Of the weights that are written at the end; auto: as the model it began from."""
    shard: bool = False
    """Each process holds a share of every weight, gradient and moment instead of a copy (FSDP)."""
    readers: int = 2
    """Threads that open and cut pictures ahead of the step that needs them."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a training came to."""

    step: int
    steps: int
    result: Path | None
    """The model or adapter; None where it was stopped before its end."""


def train(
    run: Run,
    training: Training,
    progress: Progress = lambda _what, _share: None,
    stop: Callable[[], bool] = never,
) -> Outcome:
    """Train to the end, or until `stop` says so: then there is a checkpoint to go on from.

    raises: RecordsUnusable, PromptTooLong, TrainingUnusable, WeightsMismatch, NotEnoughMemory
    """
    accelerator = open_accelerator(training, run.device)
    try:
        return _train(run, training, accelerator, progress, stop)
    except torch.OutOfMemoryError as error:
        raise NotEnoughMemory(device=str(accelerator.device)) from error


def _train(
    run: Run, training: Training, accelerator: Accelerator, progress: Progress, stop: Callable[[], bool]
) -> Outcome:
    processor = DragonflyProcessor.from_pretrained(run.model)
    dragonfly = load_model(run.model, device="cpu", dtype=training.frozen_dtype)
    room = int(dragonfly.config.text_config.max_position_embeddings)
    samples = _samples(run, training, processor, room)
    steps = training.steps or steps_of(len(samples), training.batch_size, training.epochs)
    share(0, training.batch_size, len(samples), 0, micro=1, rank=0, processes=accelerator.num_processes)
    state = {
        "settings": training.identity(),
        "steps": steps,
        "records": keeping.digest_of(run.records),
        "model": keeping.likeness(run.model),
    }
    begun = _begun(run, state)

    choose_weights(dragonfly, training)
    if training.checkpointing:
        dragonfly.activation_checkpointing_enable()
    learner = spread(Learner(dragonfly), accelerator, shard=run.shard).train()
    optimizer = torch.optim.AdamW(
        weight_groups(learner.named_parameters(), training.decay), lr=training.highest_rate
    )
    done = 0
    if begun is not None:
        keeping.restore(begun, learner, optimizer)
        done = int(keeping.read_state(begun)["step"])
    accelerator.wait_for_everyone()

    teacher = _Teacher(run, training, accelerator, processor, samples, steps, learner, optimizer)
    writes = accelerator.is_main_process
    with logs(run.out, done, tensorboard=run.tensorboard, writes=writes) as told:
        done, last = _steps(teacher, state, done, told, progress if writes else _silent, stop)
    if done < steps:
        return Outcome(done, steps, None)
    result = None
    if writes:
        assert last is not None
        progress("writing the result", 1.0)
        result = write_result(run.model, last, run.out, dtype=run.dtype)
    accelerator.wait_for_everyone()
    return Outcome(done, steps, result)


def _steps(
    teacher: "_Teacher",
    state: dict[str, Any],
    done: int,
    told: list[Log],
    progress: Progress,
    stop: Callable[[], bool],
) -> tuple[int, Path | None]:
    """Steps from `done` to the end or a stop; the last step done, and its checkpoint."""
    run, training, accelerator = teacher.run, teacher.training, teacher.accelerator
    last = keeping.newest(run.out)
    for number, pieces in teacher.ahead(done):
        step, stopped = teacher.step(number, pieces, stop())
        for log in told:
            log.add(step)
        done = step.step
        progress(f"{training.stage}, loss {step.loss:.4f}", done / teacher.steps)
        if stopped or done == teacher.steps or done % training.save_every == 0:
            last = keeping.save(
                run.out,
                teacher.learner,
                teacher.optimizer,
                {**state, "step": done, "processes": accelerator.num_processes},
                keep=training.keep,
                writes=accelerator.is_main_process,
            )
            accelerator.wait_for_everyone()
        if stopped:
            break
    return done, last


@dataclass(slots=True)
class _Teacher:
    """A training under way: everything one step needs."""

    run: Run
    training: Training
    accelerator: Accelerator
    processor: DragonflyProcessor
    samples: list[Record]
    steps: int
    learner: nn.Module
    optimizer: torch.optim.Optimizer

    def ahead(self, done: int) -> Iterator[tuple[int, list[Batch]]]:
        """Each step (from 0) with this process's pieces, those of the next step being read meanwhile."""
        with ThreadPoolExecutor(self.run.readers) as readers:
            coming = self._begin(readers, done)
            for number in range(done, self.steps):
                now, coming = coming, self._begin(readers, number + 1)
                yield number, [one.result() for one in now]

    def step(self, number: int, pieces: list[Batch], stop: bool) -> tuple[Step, bool]:
        """One step of the optimizer, and whether any process wants to stop after it.

        The loss is the mean over every learned token of the step, whichever process or piece holds it: so
        neither their number nor an answer's company changes what a token weighs.
        """
        began = time.perf_counter()
        accelerator, training = self.accelerator, self.training
        # What is drawn by chance (an adapter's dropout) is told by seed, step and process.
        torch.manual_seed((training.seed * 1_000_003 + number) * 1_009 + accelerator.process_index)
        tokens, stops = summed(accelerator, sum(one.learned for one in pieces), stop)
        rate = rate_at(number, self.steps, training.highest_rate, training.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        total = torch.zeros((), device=accelerator.device)
        for place, piece in enumerate(pieces, start=1):
            with exchanging(self.learner, place == len(pieces)):
                with computing(self.learner, accelerator):
                    loss = self.learner(piece.to(accelerator.device))
                # Processes average their gradients; the sum is wanted.
                accelerator.backward(loss * (accelerator.num_processes / tokens))
            total = total + loss.detach()
        mean = summed(accelerator, float(total))[0] / tokens
        norm = clip(self.learner, training.clip)
        if not math.isfinite(mean) or not math.isfinite(norm):
            raise TrainingUnusable(
                f"Loss or gradients of step {number + 1} are not finite; the newest checkpoint is before that."
            )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        epoch = (number + 1) * training.batch_size / len(self.samples)
        seconds = time.perf_counter() - began
        return Step(number + 1, round(epoch, 6), mean, rate, norm, int(tokens), round(seconds, 4)), stops > 0

    def _begin(self, readers: ThreadPoolExecutor, number: int) -> list[Future[Batch]]:
        if number >= self.steps:
            return []
        parts = share(
            number,
            self.training.batch_size,
            len(self.samples),
            self.training.seed,
            micro=self.training.micro_batch,
            rank=self.accelerator.process_index,
            processes=self.accelerator.num_processes,
        )
        return [readers.submit(self._piece, part) for part in parts]

    def _piece(self, numbers: list[int]) -> Batch:
        records = [self.samples[number] for number in numbers]
        crop = self.processor.image_processor.crops_of
        rows = [pack(self.processor, len(one.pictures), one.pairs, self.training.loss) for one in records]
        return collate(self.processor, rows, [[crop(one) for one in open_pictures(r)] for r in records])


def _samples(run: Run, training: Training, processor: DragonflyProcessor, room: int) -> list[Record]:
    """Every sequence of the training; what does not fit is refused now, not hours later."""
    records = read_records(run.records, run.images)
    length = 2048 if processor.zoom_plan.version == "v1" else 4096
    words = training.words or length // 2 - 1
    joined = by_picture(records) if training.join else records
    return fitting(processor, joined, training.loss, words, room)


def _begun(run: Run, state: dict[str, Any]) -> Path | None:
    """The checkpoint to go on from; raises TrainingUnusable where it belongs to another training."""
    found = keeping.newest(run.out)
    if found is None:
        return None
    if not run.resume:
        raise TrainingUnusable("The folder holds a training that began already; resume it or name another.")
    before = keeping.read_state(found)
    now = {**state, **state["settings"]}
    then = {**before, **before["settings"]}
    differing = sorted(name for name in now if name != "settings" and now[name] != then.get(name))
    if differing:
        raise TrainingUnusable(f"The checkpoint belongs to another training: {', '.join(differing)} differ.")
    return found


def _silent(_what: str, _share: float) -> None:
    """Only one process speaks."""
