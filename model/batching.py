"""Many answers at once: who reads, who speaks, who waits, who has to go. One step at a time, no thread here.

Each step hears who stopped, reads a bounded piece for the first in line (urgent ones first, then in the order
they came), and lets everyone who speaks say one token. Joining and leaving happen between steps. However many
urgent ones keep coming, one that is not urgent begins after every few of them; nobody who began is interrupted.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch

from model.answers import Completion, Delta, Sampling, ZoomBox
from model.decoder import Decoder, OwnRows, Prefix
from model.devices import is_out_of_memory
from model.errors import ModelError, NotEnoughMemory
from model.looking import Eyes, Look, Picture, digest_of
from model.shelf import Kept, Shelf
from model.speech import Speech

Piece = Delta | Completion | Exception
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one engine takes on."""

    readers: int = 8
    """Answers that are spoken at the same time; more of them wait."""
    room_bytes: int = 4 << 30
    """Memory of keys, values and features, shared and own."""
    tokens_at_once: int = 448
    """Most tokens read in one step: how long those who speak wait for one who joins. Two steps for v1's picture, each
    as long as one through the tower; a picture is read a sixth faster than in steps of 256."""
    patches_at_once: int = 750
    """Most tokens through the vision tower in one step, in whole crops: 15 of v1's crops, one of v2's."""
    urgent_in_a_row: int = 4
    """Urgent questions that may begin one after the other while another waits: then that one begins."""
    keep_seconds: float = 1800.0
    """How long a picture nobody asks about is remembered."""


@dataclass(eq=False)
class Asked:
    """One question on its way. `tell` is given its pieces, the last of them a Completion or an exception."""

    pictures: tuple[Picture, ...]
    words: list[int]
    sampling: Sampling
    speech: Speech
    tell: Callable[[Piece], None]
    stop: Callable[[], bool]
    urgent: bool = False
    started: float = field(default_factory=time.perf_counter)
    number: int = 0
    prefix: Prefix | None = None
    held: int = 0
    """Positions of its own that its row holds: words, and what it said but for the last token."""
    last: int = 0
    """The token it said last."""
    first: float = 0.0

    @property
    def needs(self) -> int:
        """Positions of its own it may need."""
        return len(self.words) + self.speech.limit


class Batch:
    """The answers of one model."""

    def __init__(self, decoder: Decoder, eyes: Eyes, limits: Limits, shelf: Shelf | None = None):
        self.decoder, self.eyes, self.limits = decoder, eyes, limits
        self.shelf = shelf or Shelf(limits.keep_seconds)
        self.waiting: list[Asked] = []
        self.reading: Asked | None = None
        """The one whose words are being read; its row is the one behind those who speak."""
        self.speaking: list[Asked] = []
        """Row by row."""
        self._looks: dict[bytes, Look] = {}
        self._own: OwnRows = decoder.own_rows()
        self._numbers = itertools.count()
        self._urgent_begun = 0
        """In a row, while somebody without urgency waited."""

    def submit(self, asked: Asked) -> None:
        """Put it in line; raises NotEnoughMemory when it could not fit even alone."""
        needed = self._alone(asked)
        if needed > self.limits.room_bytes:
            raise NotEnoughMemory(needed_bytes=needed, room_bytes=self.limits.room_bytes)
        asked.number = next(self._numbers)
        self.waiting.append(asked)

    def knows(self, pictures: Sequence[Picture]) -> bool:
        """Whether these pictures were read or are being read: their crops will not be needed."""
        digest = digest_of(pictures)
        return digest in self.shelf or digest in self._looks

    @property
    def busy(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.waiting or self.reading or self.speaking)

    @property
    def nbytes(self) -> int:
        """Memory of everything kept and being read."""
        kept = {id(one): one.nbytes for one in (*self.shelf.values(), *self._held())}
        looks = sum(one.nbytes for one in self._looks.values())
        return self._own.nbytes + looks + sum(kept.values())

    @torch.inference_mode()
    def step(self) -> None:
        """One step; whatever fails in it is told to whom it fails, and nobody else."""
        self._hear()
        self._read()
        self._speak()
        if not self.busy:
            self._own.clear()
            self._looks.clear()

    def fail(self, error: Exception) -> None:
        """Something is wrong that no step was prepared for: everybody is told, and it begins anew with nothing."""
        failed = list(self._everyone())
        self.waiting, self.reading, self.speaking = [], None, []
        self._own, self._looks = self.decoder.own_rows(), {}
        self.shelf.clear()
        for asked in failed:
            asked.tell(error)

    # -- leaving ---------------------------------------------------------------------------------------

    def _hear(self) -> None:
        """Who stopped leaves before the next token."""
        for asked in list(self._everyone()):
            try:
                stopped = asked.stop()
            except Exception as error:  # a broken question must not take the others with it
                self._leave(asked, error)
            else:
                if stopped:
                    self._end(asked, asked.speech.end("stopped"))

    def _everyone(self) -> Iterator[Asked]:
        yield from self.waiting
        if self.reading:
            yield self.reading
        yield from self.speaking

    def _end(self, asked: Asked, piece: Delta | None) -> None:
        if piece is not None:
            asked.tell(piece)
        self._leave(asked, self._completion(asked))

    def _leave(self, asked: Asked, last: Piece) -> None:
        """Take it out and close the gap: those who speak stand in rows 0 to n - 1, who reads stands behind."""
        if asked in self.waiting:
            self.waiting.remove(asked)
        elif asked is self.reading:
            self.reading = None
        else:
            row, end = self.speaking.index(asked), len(self.speaking) - 1
            if row != end:
                self.speaking[row] = self.speaking[end]
                self._own.move(end, row, self.speaking[row].held)
            self.speaking.pop()
            if self.reading:
                self._own.move(end + 1, end, self.reading.held)
        wanted = {digest_of(one.pictures) for one in self.waiting}
        for digest in [one for one in self._looks if one not in wanted]:
            del self._looks[digest]
        asked.prefix = None
        asked.tell(last)

    # -- reading ---------------------------------------------------------------------------------------

    def _read(self) -> None:
        """A bounded piece of reading for one question."""
        asked = self.reading or self._first_in_line()
        if asked is None:
            return
        try:
            scores = self._with_room(lambda: self._read_for(asked))
            if scores is not None:
                self.reading = None
                self.speaking.append(asked)
                self._take([asked], scores)
        except Exception as error:
            self._leave(asked, _told(error))

    def _first_in_line(self) -> Asked | None:
        if not self.waiting or len(self.speaking) >= self.limits.readers:
            return None
        overdue = self._urgent_begun >= self.limits.urgent_in_a_row
        first = min(self.waiting, key=lambda one: (one.urgent == overdue, one.number))
        for other in self.waiting:
            if other is not first:
                other.prefix = None  # overtaken: it finds its pictures on the shelf, or reads them again
        return first if self._make_room(first) else None

    def _read_for(self, asked: Asked) -> torch.Tensor | None:
        """A piece of its pictures or words; the scores of its first token when all is read."""
        if asked.prefix is None:
            self._look_for(asked)
            return None
        row = len(self.speaking)
        if self.reading is None:
            self._own.grow(row + 1, asked.needs)
            self.waiting.remove(asked)
            self.reading = asked
            overtook = asked.urgent and not all(one.urgent for one in self.waiting)
            self._urgent_begun = self._urgent_begun + 1 if overtook else 0
        chunk = asked.words[asked.held : asked.held + self.limits.tokens_at_once]
        embeddings = self.decoder.embed(torch.tensor(chunk, device=self.decoder.norm.device))
        keys, values = self._own.keys[:, row], self._own.values[:, row]
        done = asked.held + len(chunk) == len(asked.words)
        hidden = self.decoder.read(embeddings, keys, values, asked.held, asked.prefix, int(done))
        scores = self.decoder.logits(hidden) if done else None
        asked.held += len(chunk)
        return scores

    def _look_for(self, asked: Asked) -> None:
        """Let it stand behind what its pictures left, reading on if they were not read to the end."""
        digest = digest_of(asked.pictures)
        known = self.shelf.get(digest)
        if not isinstance(known, Prefix):
            if digest not in self._looks:
                self._looks[digest] = Look(asked.pictures, self.eyes, self.shelf)
            known = self._looks[digest].advance()
            if known is None:
                return
            self.shelf.put(digest, known)
            del self._looks[digest]
        asked.prefix = known

    # -- speaking --------------------------------------------------------------------------------------

    def _speak(self) -> None:
        """One token further for everyone; when memory runs out, the last who came without urgency has to go."""
        rows = [one for one in self.speaking if one.speech.reason is None]
        if not rows:
            return
        try:
            scores = self._with_room(lambda: self._scores(rows))
            for asked in rows:
                asked.held += 1
            self._take(rows, scores)
        except Exception as error:
            told = _told(error)
            if isinstance(told, NotEnoughMemory):
                self._leave(max(rows, key=lambda one: (not one.urgent, one.number)), told)
                return
            for asked in rows:
                self._leave(asked, told)

    def _scores(self, rows: list[Asked]) -> torch.Tensor:
        device = self.decoder.norm.device
        groups: dict[int, tuple[Prefix, list[int]]] = {}
        for row, asked in enumerate(rows):
            assert asked.prefix is not None
            groups.setdefault(id(asked.prefix), (asked.prefix, []))[1].append(row)
        return self.decoder.speak(
            torch.tensor([one.last for one in rows], device=device),
            self._own,
            torch.tensor([one.held for one in rows], device=device),
            max(one.held for one in rows),
            [(prefix, torch.tensor(members, device=device)) for prefix, members in groups.values()],
        )

    def _take(self, rows: list[Asked], logits: torch.Tensor) -> None:
        """Choose a token for each row and tell what can be shown of it."""
        likeliest = logits.argmax(-1).tolist()
        chosen = [one.speech.choose(logits[i], likeliest[i]) for i, one in enumerate(rows)]
        places = torch.tensor(chosen, device=logits.device).unsqueeze(1)
        logged = torch.log_softmax(logits, -1).gather(1, places).squeeze(1).tolist()
        for asked, token, log_probability in zip(rows, chosen, logged, strict=True):
            asked.last = token
            piece = asked.speech.say(token, log_probability)
            asked.first = asked.first or (time.perf_counter() - asked.started if asked.speech.ids else 0.0)
            if asked.speech.reason is not None:
                self._end(asked, piece)
            elif piece is not None:
                asked.tell(piece)

    def _completion(self, asked: Asked) -> Completion:
        speech = asked.speech
        kept = asked.prefix.kept if asked.prefix else (None,) * len(asked.pictures)
        looked = zip(asked.pictures, kept, strict=True) if asked.prefix else ()
        return Completion(
            text=speech.text,
            stop_reason=speech.reason or "stopped",
            prompt_tokens=len(asked.words),
            visual_positions=len(asked.pictures) * self.eyes.positions,
            generated_tokens=len(speech.ids),
            boxes=tuple(box for i, (one, crops) in enumerate(looked) for box in _boxes(i, one, crops)),
            log_probabilities=tuple(speech.log_probabilities),
            seconds_to_first=asked.first,
            seconds=time.perf_counter() - asked.started,
        )

    # -- memory ----------------------------------------------------------------------------------------

    def _alone(self, asked: Asked) -> int:
        """Bytes it takes with nobody else there: pictures, features while they are read, and its own row."""
        positions = len(asked.pictures) * self.eyes.positions + asked.needs
        return positions * self.decoder.bytes_per_position + self._features

    @property
    def _features(self) -> int:
        """Bytes of what the tower makes of one picture."""
        return self.eyes.positions * self.decoder.norm.numel() * self.decoder.norm.element_size()

    def _make_room(self, asked: Asked) -> bool:
        """Whether it can join now; gives up what nobody uses, as far as that is needed."""
        while self.nbytes + self._more(asked) > self.limits.room_bytes:
            if self._own.rows and not self.speaking and self.reading is None:
                self._own.clear()  # they were grown for others, who have all left
                continue
            if self.shelf.give_up(self._is_held):
                continue
            digest = digest_of(asked.pictures)
            begun = [one for one in self._looks if one != digest]
            if not begun:
                return not self.speaking and self.reading is None
            del self._looks[begun[0]]
        return True

    def _more(self, asked: Asked) -> int:
        """Bytes that come on top when it joins."""
        rows = max(self._own.rows, len(self.speaking) + 1)
        positions = max(self._own.positions, asked.needs)
        own = rows * positions * self.decoder.bytes_per_position - self._own.nbytes
        digest = digest_of(asked.pictures)
        if asked.prefix is not None or digest in self.shelf:
            return own
        if digest in self._looks:  # its keys and values are counted; the features of its next picture are not
            return own + self._features
        return own + self._alone(asked) - asked.needs * self.decoder.bytes_per_position

    def _held(self) -> Iterator[Prefix]:
        for asked in self._everyone():
            if asked.prefix is not None:
                yield asked.prefix

    def _is_held(self, value: Kept) -> bool:
        return any(value is one for one in self._held())

    def _with_room(self, work: Callable[[], T]) -> T:
        """Do it; when memory runs out, give up everything nobody uses and try once more."""
        try:
            return work()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        while self.shelf.give_up(self._is_held):
            pass
        if self.decoder.norm.device.type == "cuda":
            torch.cuda.empty_cache()
        return work()


def _told(error: Exception) -> Exception:
    return NotEnoughMemory() if is_out_of_memory(error) and not isinstance(error, ModelError) else error


def _boxes(number: int, picture: Picture, kept: tuple[int, ...] | None) -> Iterator[ZoomBox]:
    chosen = None if kept is None else {5 + index for index in kept}
    for order, crop in enumerate(picture.plan.crops()):
        yield ZoomBox(
            picture=number,
            level=crop.level,
            order=order,
            kept=chosen is None or crop.level != "high" or order in chosen,
            x=crop.x,
            y=crop.y,
            width=crop.width,
            height=crop.height,
        )
