"""A small OpenAI-compatible server on loopback, streaming as vLLM does, and servers that misbehave."""

import base64
import io
import itertools
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image


class House(ThreadingHTTPServer):
    """One server; `reply` answers its chats, and what it was asked stays in `asked`."""

    daemon_threads = True

    def __init__(self, name, reply):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.name, self.reply = name, reply
        self.asked, self.headers_seen, self.said = [], [], 0
        self.gone = threading.Event()
        """Set when a client left before its answer was over."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        """A client that leaves is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.headers_seen.append(dict(self.headers))
        self.send_json(200, {"object": "list", "data": [{"id": self.server.name, "max_model_len": 4096}]})

    def do_POST(self):
        self.server.headers_seen.append(dict(self.headers))
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        try:
            self.server.reply(self, body)
        except OSError:
            self.server.gone.set()

    def send_json(self, status, facts):
        text = json.dumps(facts).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def begin(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def raw(self, text):
        self.wfile.write(f"{len(text):x}\r\n".encode() + text + b"\r\n")
        self.wfile.flush()

    def event(self, facts):
        self.raw(b"data: " + (facts if isinstance(facts, bytes) else json.dumps(facts).encode()) + b"\n\n")

    def finish_stream(self):
        self.event(b"[DONE]")
        self.raw(b"")


@contextmanager
def house(name, reply):
    """The server, for as long as it is needed."""
    server = House(name, reply)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def chunk(name, content="", entries=None, ids=(), finish=None, stop_reason=None, usage=None):
    """A piece of a stream, with every field that vLLM writes."""
    choice = {
        "index": 0,
        "delta": {"content": content},
        "logprobs": None if entries is None else {"content": entries},
        "finish_reason": finish,
        "stop_reason": stop_reason,
        "token_ids": list(ids) or None,
    }
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": name,
        "choices": [choice],
        "usage": usage,
    }


def count(name, prompt_tokens):
    """The last piece: no choice, the count."""
    return chunk(name, usage={"prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens}) | {
        "choices": []
    }


def entry(token, log_probability):
    return {"token": token, "logprob": log_probability, "bytes": None, "top_logprobs": []}


def words(*said, prompt_tokens=5000):
    """A reply that says the same to every question."""

    def reply(handler, body):
        handler.begin()
        for word in said:
            handler.event(chunk(handler.server.name, word, [entry(word, -0.5)], [7]))
        handler.event(chunk(handler.server.name, "", [entry("<|eot_id|>", -0.1)], [9], finish="stop"))
        handler.event(count(handler.server.name, prompt_tokens))
        handler.finish_stream()

    return reply


def speaking(backend, ends):
    """A reply by a real model: greedy, with stop strings, a token a piece, half characters held back."""
    numbers = itertools.count()

    def reply(handler, body):
        server, (message,) = handler.server, body["messages"]
        if body["model"] != server.name:
            handler.send_json(404, {"error": {"message": "no such model", "code": 404}})
            return
        assert body["temperature"] == 0 and body["stream"] and body["logprobs"]
        parts = message["content"]
        pictures = [
            Image.open(io.BytesIO(base64.b64decode(part["image_url"]["url"].partition("base64,")[2])))
            for part in parts
            if part["type"] == "image_url"
        ]
        request = backend.request([message], [one.convert("RGB") for one in pictures])
        handler.begin()
        handler.event(chunk(server.name, "") | {"usage": {"prompt_tokens": len(request.ids)}})
        said, shown, stops = [], "", body.get("stop", [])
        for token, log_probability in backend.speak(next(numbers), request):
            named = entry(backend.tokenizer.decode([token]), log_probability)
            if token in ends:
                handler.event(
                    chunk(server.name, _text(backend, said)[len(shown) :], [named], [token], "stop")
                )
                break
            said.append(token)
            server.said += 1
            text = _text(backend, said)
            found = [text.index(stop) for stop in stops if stop in text]
            if found:
                new = text[len(shown) : min(found)]
                handler.event(chunk(server.name, new, [named], [token], "stop", stops[0]))
                break
            last = len(said) == body["max_tokens"]
            held = 0 if last else max(map(len, stops), default=1) - 1
            new = text[len(shown) : max(len(shown), len(text) - held)]
            shown += new
            handler.event(chunk(server.name, new, [named], [token], "length" if last else None))
            if last:
                break
        handler.event(count(server.name, len(request.ids)))
        handler.finish_stream()

    return reply


def _text(backend, ids):
    text = backend.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return text.rstrip("\ufffd")
