"""Mounting the pages asks nothing of whoever does it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI

from app.ui.page import mount_pages


def test_pages_can_be_mounted_where_a_loop_runs_already(tmp_path):
    """A test that drives a browser in the same process must not keep the application from being made."""

    async def main() -> int:
        app = FastAPI()
        mount_pages(app, tmp_path)
        return len(app.routes)

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(asyncio.run, main()).result() >= 4
