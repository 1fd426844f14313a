"""What only a real server with real sockets shows: a connection that breaks, a body that never ends, memory."""

import os
import socket
import threading
import time

import httpx
import psutil
import pytest
import uvicorn

from tests.app.conftest import open_world
from tests.conftest import free_port
from tests.samples import ct_series

MIB = 1 << 20


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The application behind uvicorn, and a signed-in clinician's headers."""
    port = free_port()
    with open_world(tmp_path_factory.mktemp("served"), port=port) as world:
        browser = world.sign_in("clinician")
        headers = {
            "cookie": f"__Host-dragonfly={browser.cookies['__Host-dragonfly']}",
            "x-csrf-token": browser.headers["x-csrf-token"],
        }
        config = uvicorn.Config(world.client.app, port=port, log_level="critical", lifespan="off", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as client:
            yield world, client, port
        server.should_exit = True
        thread.join()


def test_an_upload_cut_half_way_leaves_nothing_and_is_recorded(served):
    """100 MB are announced, the line breaks after 50: no plaintext, an entry, the same upload goes on."""
    world, client, port = served
    upload_id = client.post("/api/uploads", json={"files": 1, "bytes": 100 * MIB}).json()["upload_id"]
    head = (
        f"PUT /api/uploads/{upload_id}/files/0 HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
        f"content-length: {100 * MIB}\r\ncookie: {client.headers['cookie']}\r\n"
        f"x-csrf-token: {client.headers['x-csrf-token']}\r\n\r\n"
    )

    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(head.encode())
        for _ in range(50):
            line.sendall(bytes(MIB))
    folder = world.services.settings.scratch / upload_id
    end = time.monotonic() + 20
    while (not world.entries("upload.refused") or list(folder.iterdir())) and time.monotonic() < end:
        time.sleep(0.05)

    assert world.entries("upload.refused")[0]["reason"] == "app.upload_cut"
    assert list(folder.iterdir()) == []
    assert client.get(f"/api/uploads/{upload_id}").json()["received"] == {"files": 0, "bytes": 0}
    assert client.put(f"/api/uploads/{upload_id}/files/0", content=ct_series(1)[0]).status_code == 200


def test_a_large_file_is_streamed_and_not_held_in_memory(served):
    """100 MB go to disk piece by piece; the process grows by far less."""
    _, client, _ = served
    process = psutil.Process(os.getpid())
    upload_id = client.post("/api/uploads", json={"files": 1, "bytes": 100 * MIB}).json()["upload_id"]
    before = process.memory_info().rss

    answer = client.put(f"/api/uploads/{upload_id}/files/0", content=(bytes(MIB) for _ in range(100)))

    assert answer.json()["received"] == 100 * MIB
    assert process.memory_info().rss - before < 60 * MIB
    assert client.delete(f"/api/uploads/{upload_id}").status_code == 200
