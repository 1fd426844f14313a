"""The engine of durable work behind four verbs: enqueue inside a transaction, follow, cancel, depth.

DBOS Transact on the application's own database; nothing else names it. The web process holds only its
client; workers run the engine itself (app/worker.py).
"""

from collections.abc import AsyncIterator
from typing import Any

import sqlalchemy as sa
from dbos import DBOSClient, DBOSPortableJSONSerializer, WorkflowStatus

from storage.database import Tx
from storage.errors import SchemaOld
from storage.privileges import INSUFFICIENT_PRIVILEGE

NAME, VERSION, QUEUE, WORKFLOW, STREAM = "dragonfly-med", "answers-1", "answers", "answer", "pieces"
URGENT, ROUTINE = 1, 100
"""Lower goes first; a job without one would overtake even the urgent."""


class Queue:
    """Answers that wait or run, shared by all processes of one database."""

    def __init__(self, engine: sa.Engine):
        prepare(engine)
        self._client = _client(engine)

    def enqueue(self, tx: Tx, answer_id: str, *, urgent: bool) -> None:
        """Let a worker answer once this transaction commits; not at all when it does not."""
        self._client.enqueue_in_transaction(
            tx.session,
            {
                "workflow_name": WORKFLOW,
                "queue_name": QUEUE,
                "workflow_id": answer_id,
                "app_version": VERSION,
                "priority": URGENT if urgent else ROUTINE,
            },
            answer_id,
        )

    async def follow(self, answer_id: str, offset: int = 0) -> AsyncIterator[dict[str, Any]]:
        """Pieces from `offset` on, as they come: attempt a, number s, sealed text t. Ends with the work."""
        async for piece in self._client.read_stream_async(
            answer_id, STREAM, offset=offset, polling_interval_sec=0.05
        ):
            yield piece

    async def cancel(self, answer_id: str) -> None:
        """Stop it within a token, or take it out of the line."""
        await self._client.cancel_workflow_async(answer_id)

    def is_cancelled(self, answer_id: str) -> bool:
        """Whether a reader stopped it."""
        return any(one.status == "CANCELLED" for one in self.work_of([answer_id]))

    def work_of(self, answer_ids: list[str]) -> list[WorkflowStatus]:
        """What the engine knows of these: status (ENQUEUED, PENDING, SUCCESS, ERROR, CANCELLED) and executor."""
        if not answer_ids:
            return []
        return self._client.list_workflows(workflow_ids=answer_ids, load_input=False, load_output=False)

    def hand_back(self, answer_id: str) -> None:
        """Put begun work back in line, for another worker."""
        self._client.resume_workflow(answer_id, queue_name=QUEUE)

    def place(self, answer_id: str) -> int:
        """How many are answered before it; 0 once it is its turn."""
        waiting = self._waiting()
        ids = [one.workflow_id for one in waiting]
        return ids.index(answer_id) + 1 if answer_id in ids else 0

    def depth(self) -> int:
        """How many wait."""
        return len(self._waiting())

    def close(self) -> None:
        """Give its connections back."""
        self._client.destroy()

    def _waiting(self) -> list[Any]:
        waiting = self._client.list_workflows(
            status="ENQUEUED", queue_name=QUEUE, load_input=False, load_output=False
        )
        return sorted(waiting, key=lambda one: (one.priority or 0, one.created_at or 0))


def prepare(engine: sa.Engine) -> None:
    """Make the engine's own tables; the client never does, and the web process may be first.

    The method lies behind an underscore; the contract test of this file fails when it moves.
    raises: SchemaOld when they are not there and this login may not make them
    """
    client = _client(engine, lazy=True)
    try:
        client._sys_db.run_migrations()
    except sa.exc.ProgrammingError as error:
        if getattr(error.orig, "sqlstate", "") == INSUFFICIENT_PRIVILEGE:
            raise SchemaOld() from error
        raise
    finally:
        client.destroy()


def _client(engine: sa.Engine, *, lazy: bool = False) -> DBOSClient:
    return DBOSClient(
        system_database_engine=engine,
        serializer=DBOSPortableJSONSerializer(),
        application_name=NAME,
        retry_connection_errors=False,
        lazy=lazy,
    )
