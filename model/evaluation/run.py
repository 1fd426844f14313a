"""Asking a model every question of a benchmark, several at once, and going on where it was stopped. No torch.

An answer is the same in any company and order, so the threads take the questions as they come; what is drawn by
chance has a seed of its own for each question.
"""

import hashlib
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from model.answers import Answerer, Completion, Sampling, never
from model.errors import EvaluationUnusable, NotEnoughMemory, PicturesUnusable, PromptTooLong
from model.evaluation.examples import Example, Kind, pictures_of
from model.evaluation.record import Answers, Binding, Given, digest, facts, sampled, wording
from model.evaluation.scoring import Answered, confidence
from model.evaluation.tasks import asked, task
from model.prompts import Prompt

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be evaluated, and how."""

    task: str
    data: Path
    split: str = ""
    """Empty: the usual one of the task."""
    limit: int = 0
    """How many examples, drawn by the seed; 0 for all."""
    seed: int = 0
    """Of the draw of examples, and of words where the temperature is above 0."""
    prompt: str = ""
    """A prompt of model/prompt_texts in place of the task's own."""
    max_new_tokens: int = 0
    """0: as many as the task allows."""
    temperature: float = 0.0
    readers: int = 4
    """Questions asked at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run reached: whole where every example has an answer or a failure that asking again would not change."""

    binding: Binding
    answered: tuple[Answered, ...]
    given: tuple[Given, ...]
    open: int
    """Examples without an answer: the run was stopped, or the memory was too small for them."""
    out_of_memory: int

    @property
    def whole(self) -> bool:
        """Whether there is something to score."""
        return self.open == 0


def evaluate(
    order: Order,
    answerer: Answerer,
    out: Path,
    *,
    computed: dict[str, str] | None = None,
    progress: Progress = lambda _stage, _share: None,
    stop: Callable[[], bool] = never,
) -> Outcome:
    """Answer what is open, into the folder `out`.

    raises: EvaluationUnusable for data, a split or a folder that cannot be used; the model's own errors that are
    not about one question
    """
    what = task(order.task)
    split = order.split or (what.splits[0] if what.splits else "test")
    examples = drawn(what.load(order.data, split), order.limit, order.seed)
    if not examples:
        raise EvaluationUnusable(f"The split {split} has no example of this task.")
    prompts = {one.kind: what.prompt_for(one, order.prompt) for one in examples}
    sampling = Sampling(
        max_new_tokens=order.max_new_tokens or what.max_new_tokens,
        temperature=order.temperature,
        seed=order.seed,
    )
    binding = Binding(
        task=what.name,
        split=split,
        limit=order.limit,
        seed=order.seed,
        examples=len(examples),
        data_sha256=digest(examples, order.data),
        model=facts(answerer.card),
        wording=wording({str(kind): one for kind, one in prompts.items()}),
        sampling=sampled(sampling),
        computed=computed or {},
    )
    answers = Answers(out, binding)
    try:
        missing = [place for place in range(len(examples)) if place not in answers.given]
        asking = _Asking(answerer, examples, prompts, sampling, stop)
        no_room = 0
        for found in asking.all(missing, readers=order.readers):
            if found is None:
                no_room += 1
                continue
            answers.add(found)
            progress(what.title, len(answers.given) / len(examples))
    finally:
        answers.close()
    given = tuple(answers.given[place] for place in sorted(answers.given))
    return Outcome(
        binding=binding,
        answered=tuple(
            Answered(example=examples[one.place], text=one.text, confidence=one.confidence) for one in given
        ),
        given=given,
        open=len(examples) - len(given),
        out_of_memory=no_room,
    )


def drawn(examples: Sequence[Example], limit: int, seed: int) -> list[Example]:
    """`limit` of them in their order, the same for the same seed; all where the limit is 0 or above their number."""
    if not 0 < limit < len(examples):
        return list(examples)
    places = np.random.default_rng(seed).choice(len(examples), size=limit, replace=False)
    return [examples[place] for place in sorted(places.tolist())]


class _Asking:
    """The questions of one run on their way through the engine."""

    def __init__(
        self,
        answerer: Answerer,
        examples: Sequence[Example],
        prompts: Mapping[Kind, Prompt],
        sampling: Sampling,
        stop: Callable[[], bool],
    ):
        self._answerer, self._examples, self._prompts = answerer, examples, prompts
        self._sampling, self._stop = sampling, stop
        self._broken = threading.Event()

    def all(self, places: Sequence[int], *, readers: int) -> Iterator[Given | None]:
        """What each example got, as it comes; None where the memory was too small. Ends early on a stop.

        raises: whatever stands in the way of every question
        """
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        for place in places:
            waiting.put(place)
        said: queue.SimpleQueue[Said] = queue.SimpleQueue()
        threads = [
            threading.Thread(target=self._work, args=(waiting, said), name=f"reader-{number}", daemon=True)
            for number in range(min(max(1, readers), max(1, len(places))))
        ]
        for thread in threads:
            thread.start()
        running, broken = len(threads), None
        try:
            while running:
                found = said.get()
                if isinstance(found, _Ended):
                    running -= 1
                elif isinstance(found, NotEnoughMemory):
                    yield None
                elif isinstance(found, Exception):
                    broken = broken or found
                    self._broken.set()
                else:
                    yield found
        finally:
            self._broken.set()
            for thread in threads:
                thread.join()
        if broken is not None:
            raise broken

    def _work(self, waiting: "queue.SimpleQueue[int]", said: "queue.SimpleQueue[Said]") -> None:
        try:
            while not self._over():
                found = self._ask(waiting.get_nowait())
                if found is not None:
                    said.put(found)
        except queue.Empty:
            pass
        except Exception as error:
            said.put(error)
        finally:
            said.put(_Ended())

    def _over(self) -> bool:
        return self._broken.is_set() or self._stop()

    def _ask(self, place: int) -> Given | NotEnoughMemory | None:
        """One answer; None where it was stopped on the way, which leaves the example open."""
        example = self._examples[place]
        try:
            pictures = pictures_of(example)
            *_, last = self._answerer.answer(
                pictures,
                asked(example, self._prompts[example.kind]),
                replace(self._sampling, seed=own_seed(self._sampling.seed, example.id)),
                stop=self._over,
            )
        except (EvaluationUnusable, PicturesUnusable):
            return Given(place=place, id=example.id, failed="picture")
        except PromptTooLong:
            return Given(place=place, id=example.id, failed="too_long")
        except NotEnoughMemory as error:
            return error
        assert isinstance(last, Completion)
        if last.stop_reason == "stopped":
            return None
        return Given(
            place=place,
            id=example.id,
            text=last.text,
            stop_reason=last.stop_reason,
            tokens=last.generated_tokens,
            # A token's probability can differ in its last bits with the company it was computed in.
            confidence=round(confidence(last.log_probabilities), 3),
        )


class _Ended:
    """A thread has no more to say."""


Said = Given | Exception | _Ended


def own_seed(seed: int, id: str) -> int:
    """A seed for one question, that neither order nor company changes: below 2 ** 31."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{id}".encode()).digest()[:4], "big") >> 1
