"""One Gradio application for each role, each page an empty place that our own script fills.

No patient datum passes through Gradio: its queue, its uploads and its file cache are never reached.
"""

import asyncio
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("GRADIO_RUN_HISTORY", "False")
os.environ.setdefault("GRADIO_MCP_SERVER", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import gradio as gr
from fastapi import FastAPI

from app.policy import PAGES

TITLE = "Dragonfly-Med"
QUEUE_SLEEP_SECONDS = 1.0
HEAD = '<link rel="stylesheet" href="/static/page.css"><script type="module" src="/static/main.js"></script>'
ISLANDS = {
    "/app/": {"": "worklist", "study": "study", "paper": "paper", "account": "account", "about": "about"},
    "/research/": {"": "reviews", "read": "review", "paper": "paper", "account": "account", "about": "about"},
    "/admin/": {
        "": "users",
        "erasures": "erasures",
        "system": "system",
        "paper": "paper",
        "account": "account",
        "about": "about",
    },
    "/audit/": {
        "": "log",
        "emergencies": "emergencies",
        "paper": "paper",
        "account": "account",
        "about": "about",
    },
}


def mount_pages(app: FastAPI, scratch: Path) -> None:
    """Mount the four applications; the guard in front decides who reaches which."""
    # Outside a running loop Gradio makes one for each of its locks and closes none of them; in a thread of its
    # own, a caller that has a loop already is no obstacle.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _mount_pages(app, scratch)).result()


async def _mount_pages(app: FastAPI, scratch: Path) -> None:
    os.environ["GRADIO_TEMP_DIR"] = str(scratch / "gradio")
    theme = gr.themes.Default(
        font=["system-ui", "Noto Sans KR", "Malgun Gothic", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
    for mount in PAGES:
        with warnings.catch_warnings():
            # Said of every application with several pages, also where it was not asked for.
            warnings.filterwarnings("ignore", "SSR mode is not supported", UserWarning)
            gr.mount_gradio_app(
                app,
                _blocks(ISLANDS[mount]),
                path=mount.rstrip("/"),
                run_history=False,
                enable_monitoring=False,
                footer_links=[],
                show_error=False,
                allowed_paths=[],
                ssr_mode=False,
                pwa=False,
                mcp_server=False,
                theme=theme,
                head=HEAD,
            )


def _blocks(islands: dict[str, str]) -> gr.Blocks:
    # As `Blocks.route` adds a page. Entered anew for each, the blocks would build an application with all of
    # Gradio's routes at every exit, and throw it away.
    with gr.Blocks(analytics_enabled=False, title=TITLE, fill_width=True) as blocks:
        _place(islands[""])
        for route, island in islands.items():
            if route:
                blocks.pages.append((route, TITLE, False))
                blocks.current_page = route
                _place(island)
    blocks.state_session_capacity = 200
    # Nothing ever stands in Gradio's queue; its loops would look a thousand times a second all the same.
    blocks._queue.sleep_when_free = blocks._queue.progress_update_sleep_when_free = QUEUE_SLEEP_SECONDS
    return blocks


def _place(island: str) -> None:
    with gr.Column(elem_id=f"island-{island}"):
        gr.Markdown("", container=False)
