"""A worker: one process for each device; engine, queue, signs of life, taking over from the dead, clean stop."""

import asyncio
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import structlog
from dbos import DBOS, DBOSPortableJSONSerializer

from app import jobs
from app.queue import NAME, QUEUE, STREAM, VERSION, WORKFLOW, Queue, prepare
from app.settings import Settings
from app.wiring import Services, open_answerer, open_services
from storage import answers, workers
from storage.answers import StoredAnswer, seal_piece
from storage.database import Actor

COALESCE_SECONDS = 0.04
BEAT_SECONDS = 1.0
GRACE_SECONDS = 30
log = structlog.get_logger()


class _State:
    """What the workflow below reaches; one worker is one process."""

    worker: jobs.Worker
    pool: ThreadPoolExecutor
    stops: dict[str, threading.Event]
    """What ends each answer that is being given, within a token."""
    leaving: bool
    handed: list[str]
    """Answers broken off because this worker leaves."""


state = _State()


@DBOS.step(preemptible=True)
async def _answer(answer_id: str) -> None:
    """Run the model in a thread and write its pieces to the stream, a few at a time."""
    loop = asyncio.get_running_loop()
    asked = await loop.run_in_executor(state.pool, jobs.begin, state.worker, answer_id)
    if asked is None:
        return
    key = await loop.run_in_executor(state.pool, jobs.piece_key, state.worker, answer_id)
    pieces: asyncio.Queue[tuple[int, str] | None] = asyncio.Queue()
    stopped = threading.Event()

    def say(number: int, text: str) -> None:
        loop.call_soon_threadsafe(pieces.put_nowait, (number, text))

    work = loop.run_in_executor(state.pool, _work, asked, say, stopped)
    work.add_done_callback(lambda _: pieces.put_nowait(None))
    try:
        await _write_pieces(asked, key, pieces)
        await work
        if answer_id in state.handed:
            await asyncio.Future()  # not over: the end of the loop leaves it begun, for the next worker
    except BaseException:
        # Cancelled by the reader, or taken over: the model stops at its next token, and what it said is kept.
        stopped.set()
        await asyncio.shield(asyncio.wait({work}))
        raise


def _work(asked: StoredAnswer, say: jobs.Say, stopped: threading.Event) -> None:
    state.stops[asked.id] = stopped
    try:
        if not jobs.answer(state.worker, asked, say, stopped) and state.leaving:
            state.handed.append(asked.id)
    finally:
        del state.stops[asked.id]


async def _write_pieces(
    asked: StoredAnswer, key: bytes, pieces: "asyncio.Queue[tuple[int, str] | None]"
) -> None:
    """One stream item for all pieces of 40 ms: a database write for each token would cap the speed.

    Sealed, because the job engine keeps its streams, and erasing a patient must reach them too.
    """
    while (first := await pieces.get()) is not None:
        await asyncio.sleep(COALESCE_SECONDS)
        text, last = [first[1]], False
        while not pieces.empty():
            more = pieces.get_nowait()
            if more is None:
                last = True
                break
            text.append(more[1])
        sealed = seal_piece(key, asked.id, "".join(text))
        await DBOS.write_stream_async(STREAM, {"a": asked.attempt, "s": first[0], "t": sealed})
        if last:
            return


@DBOS.workflow(name=WORKFLOW, max_recovery_attempts=20)
async def _workflow(answer_id: str) -> None:
    """The durable shell of one answer; attempts are counted with the answer itself."""
    await _answer(answer_id)
    await DBOS.close_stream_async(STREAM)


def run(settings: Settings) -> None:
    """Serve until told to stop; raises ModelError when the model cannot be loaded."""
    services = open_services(settings)
    prepare(services.database.engine)
    identity = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    actor = Actor(id=identity, role="worker")
    answerer = open_answerer(settings)
    queue = Queue(services.database.engine)
    state.stops, state.handed, state.leaving = {}, [], False
    state.pool = ThreadPoolExecutor(settings.worker_concurrency + 1)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    facts = {
        "model": jobs.model_facts(answerer.card),
        "device": settings.model_server or settings.device,
        "pace_ms": settings.pace_ms,
        "pid": os.getpid(),
        "node": socket.gethostname(),
    }
    beating = _Life(services, actor, identity, facts, answerer.memory)
    state.worker = jobs.Worker(services, queue, answerer, actor, beating.note)
    # The first sign of life comes before the first job: who dies in between is found by its jobs.
    beating.beat()
    with services.database.write(actor) as tx:
        tx.record("worker.started", model=answerer.card.fingerprint)
    log.info("worker started", worker=identity, model=answerer.card.name, device=facts["device"])
    asyncio.run(_serve(settings, services, identity, stopping, beating))
    state.pool.shutdown()
    for answer_id in state.handed:
        # Longer than the grace: another worker takes it at once, instead of after the patience with the dead.
        queue.hand_back(answer_id)
        log.info("answer handed back", worker=identity, answer_id=answer_id)
    with services.database.write(actor) as tx:
        tx.record("worker.stopped")
    beating.leave()
    queue.close()
    services.close()
    log.info("worker stopped", worker=identity)


async def _serve(
    settings: Settings, services: Services, identity: str, stopping: threading.Event, life: "_Life"
) -> None:
    DBOS(
        config={
            "name": NAME,
            "system_database_url": str(services.database.engine.url.render_as_string(hide_password=False)),
            "system_database_engine": services.database.engine,
            "executor_id": identity,
            "application_version": VERSION,
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "WARNING",
        }
    )
    DBOS.listen_queues([QUEUE])
    DBOS.launch()
    await DBOS.register_queue_async(
        QUEUE,
        worker_concurrency=settings.worker_concurrency,
        polling_interval_sec=0.1,
        on_conflict="always_update",
    )
    patience = timedelta(seconds=settings.worker_patience_seconds)
    thread = threading.Thread(target=life.run, args=(patience, stopping), daemon=True)
    thread.start()
    while not stopping.is_set():
        await asyncio.sleep(0.2)
    # A thread of its own: the loop's default pool is the engine's, and ends with it.
    ending = threading.Thread(
        target=DBOS.destroy, kwargs={"workflow_completion_timeout_sec": GRACE_SECONDS}, daemon=True
    )
    ending.start()
    while ending.is_alive():
        await asyncio.sleep(0.1)
    state.leaving = True
    for stopped in list(state.stops.values()):
        stopped.set()
    while state.stops:
        await asyncio.sleep(0.05)
    life.ended.set()
    thread.join()


class _Life:
    """Signs of life, and the taking over of those who give none."""

    def __init__(
        self,
        services: Services,
        actor: Actor,
        identity: str,
        facts: dict[str, Any],
        memory: Callable[[], dict[str, int]],
    ):
        self.services, self.actor, self.identity, self.facts = services, actor, identity, facts
        self.memory = memory
        self.ended = threading.Event()
        self.last_error: str | None = None
        self._over: set[str] = set()

    def note(self, code: str) -> None:
        """Keep the last failure for the system page."""
        self.last_error = code

    def beat(self) -> None:
        """Say that this worker lives."""
        facts = {**self.facts, "memory": self.memory(), "last_error": self.last_error}
        with self.services.database.keep_house(self.actor) as tx:
            workers.beat(tx, self.identity, facts)

    def leave(self) -> None:
        """Go in good order."""
        with self.services.database.keep_house(self.actor) as tx:
            workers.leave(tx, self.identity)

    def run(self, patience: timedelta, stopping: threading.Event) -> None:
        """Each second: beat, and put the work of silent workers back in line; goes on while the last job drains."""
        sealed = time.monotonic()
        while not self.ended.wait(BEAT_SECONDS):
            try:
                self.beat()
                if not stopping.is_set():
                    living = self._living(patience)
                    self._take_over(living)
                    self._settle(living)
                if time.monotonic() - sealed > 60:
                    self.services.database.seal_log()
                    self.services.volumes.sweep()
                    sealed = time.monotonic()
            except Exception as error:  # a database that is away comes back; the worker must still be there
                self.last_error = type(error).__name__
                log.error("sign of life failed", kind=type(error).__name__, worker=self.identity)

    def _living(self, patience: timedelta) -> set[str]:
        with self.services.database.read(self.actor) as tx:
            return {worker.id for worker in workers.heard_of(tx) if worker.is_alive(tx.now, patience)}

    def _take_over(self, living: set[str]) -> None:
        """From the jobs, not from the signs: a worker that died before its first sign left only jobs."""
        for job in DBOS.list_workflows(status="PENDING", name=WORKFLOW, load_input=False, load_output=False):
            if job.executor_id not in living:
                DBOS.resume_workflow(job.workflow_id, queue_name=QUEUE)
                log.warning("work taken over", worker=self.identity, answer_id=job.workflow_id)

    def _settle(self, living: set[str]) -> None:
        """End what was begun, is over for the queue, and came to nothing; looked at twice, a second apart.

        A reader's stop is over for the queue at once, while its worker still says the last token: as long as
        somebody who lives may be at it, it is theirs to end.
        """
        with self.services.database.read(self.actor) as tx:
            open_still = answers.unfinished(tx)
        over = {
            one.workflow_id
            for one in state.worker.queue.work_of(open_still)
            if one.status not in ("ENQUEUED", "PENDING", "DELAYED")
            and one.workflow_id not in state.stops
            and (one.executor_id == self.identity or one.executor_id not in living)
        }
        for answer_id in over & self._over:
            jobs.settle(state.worker, answer_id)
        self._over = over
