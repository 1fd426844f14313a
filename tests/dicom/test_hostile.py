"""What attacks bounces off with a name, quickly, and the next file is read as if nothing had happened."""

import contextlib
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Timer

import numpy as np
import psutil
import pytest

from dicom.errors import (
    Damaged,
    DicomError,
    TookTooLong,
    TooLarge,
)
from dicom.guard import Limits
from dicom.sandbox import Decoder
from tests.dicom.hostile import GOOD, REFUSED, SHOWN, flat_8000
from tests.samples import dicom_bytes

SECONDS, MEGABYTES = 5, 500


@pytest.fixture(scope="module")
def decoder():
    with Decoder(1) as decoder:
        yield decoder


@pytest.mark.parametrize("name", REFUSED)
def test_hostile_files_are_refused_by_name(decoder, name):
    """A named error, and the same process reads the next good file."""
    make, expected = REFUSED[name]
    data = make()

    before, process = seconds_of(decoder), process_of(decoder)
    with pytest.raises(expected) as refused:
        decoder.inspect(data)

    assert seconds_of(decoder) - before < SECONDS
    assert decoder.render(GOOD).shape == (8, 8, 3)
    assert process_of(decoder) is process
    assert peak_memory(decoder) < MEGABYTES << 20
    assert "HONG" not in f"{refused.value}{refused.value.facts}"


@pytest.mark.parametrize("name", SHOWN)
def test_harmless_ones_are_shown_clean(decoder, name):
    """Under every limit, or odd where it does not matter: read, looked at and shown, at the same cost as others."""
    data = SHOWN[name]()

    before = seconds_of(decoder)
    facts = decoder.inspect(data)
    last = decoder.frame(data, facts["frames"] - 1)

    assert seconds_of(decoder) - before < SECONDS
    assert peak_memory(decoder) < MEGABYTES << 20
    assert last.values.shape[:2] == (facts["rows"], facts["columns"])
    assert not any(character in str(facts) for character in "\x00\x1b\x07\u202e")


@pytest.mark.slow
def test_the_largest_legal_picture_costs_what_its_pixels_cost():
    """64 million pixels from a kilobyte, under every limit: shown within the time, and within a gigabyte."""
    with Decoder(1) as decoder:
        before = seconds_of(decoder)
        shown = decoder.frame(flat_8000())

        assert shown.values.shape == (8000, 8000) and not shown.values.any()
        assert seconds_of(decoder) - before < SECONDS
        assert peak_memory(decoder) < 2 * MEGABYTES << 20


@pytest.mark.parametrize("name", [name for name in SHOWN if name.endswith("preamble")])
def test_a_copy_keeps_nothing_of_a_preamble(decoder, name):
    """A picture that is a program as well is a picture afterwards."""
    copy, _ = decoder.deidentify(SHOWN[name](), b"s" * 32)

    assert copy[:132] == bytes(128) + b"DICM"


def process_of(decoder):
    """The process that is asked next, once there is one."""
    end = time.monotonic() + 60
    while not decoder.pool.idle:
        assert time.monotonic() < end
        time.sleep(0.01)
    return decoder.pool.idle[0]


def seconds_of(decoder):
    """Seconds the process has worked; by its own clock, so that a busy machine changes nothing."""
    used = psutil.Process(process_of(decoder).child.pid).cpu_times()
    return used.user + used.system


def peak_memory(decoder):
    """The most bytes of memory the process ever held, by the kernel's own count."""
    status = Path(f"/proc/{process_of(decoder).child.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def test_a_process_that_stops_reading_holds_nobody_up():
    """An upload larger than a pipe is given up after its time, and the next file is read."""
    with Decoder(1, Limits(wall_seconds=3)) as decoder:
        decoder.render(GOOD)
        process_of(decoder).child.send_signal(signal.SIGSTOP)
        with pytest.raises(TookTooLong):
            decoder.render(GOOD + b"\x00" * (8 << 20))

        assert decoder.render(GOOD).shape == (8, 8, 3)


def test_a_codec_that_kills_its_process_is_a_damaged_file(decoder):
    """A signal says that the file broke its codec, not that it was slow."""
    process = process_of(decoder)
    process.child.send_signal(signal.SIGSTOP)
    Timer(0.2, lambda: process.child.send_signal(signal.SIGABRT)).start()
    Timer(0.4, lambda: process.child.send_signal(signal.SIGCONT)).start()

    with pytest.raises(Damaged):
        decoder.render(GOOD)

    assert decoder.render(GOOD).shape == (8, 8, 3)


def test_a_picture_that_needs_too_much_memory_is_refused():
    """The limit is the process's own, and it lives on."""
    huge = dicom_bytes(np.zeros((6000, 6000), np.int16))
    with Decoder(1, Limits(memory_bytes=700 << 20)) as decoder:
        with pytest.raises(TooLarge) as refused:
            decoder.render(huge)

        assert refused.value.code == "dicom.too_large.memory"
        assert decoder.render(GOOD).shape == (8, 8, 3)


def test_what_arrives_never_takes_the_last_process():
    """Uploads wait for each other, however slow they are; who looks at pictures has a process left."""
    with Decoder(2, Limits(wall_seconds=6)) as decoder, ThreadPoolExecutor(4) as threads:
        for process in list(decoder.pool.idle):
            process.wait_until_ready()
        # The one that is asked first stands still, as with a file that never ends.
        process_of_the_upload = decoder.pool.idle[0].child
        process_of_the_upload.send_signal(signal.SIGSTOP)
        uploads = [threads.submit(decoder.inspect, GOOD) for _ in range(3)]
        while len(decoder.pool.idle) > 1:
            time.sleep(0.01)

        frames = [decoder.frame(GOOD) for _ in range(40)]

        assert len(frames) == 40 and not any(upload.done() for upload in uploads)
        with pytest.raises(TookTooLong):
            uploads[0].result()
        assert [upload.result()["rows"] for upload in uploads[1:]] == [8, 8]


def test_who_comes_after_a_death_takes_a_process_that_is_warm():
    """The successor of a process that died joins the others when its libraries are loaded, and not before."""
    with Decoder(2) as decoder:
        for process in list(decoder.pool.idle):
            process.wait_until_ready()
        dying, other = list(decoder.pool.idle)
        dying.child.send_signal(signal.SIGSTOP)
        Timer(0.2, lambda: dying.child.send_signal(signal.SIGABRT)).start()
        Timer(0.4, lambda: dying.child.send_signal(signal.SIGCONT)).start()
        with pytest.raises(Damaged):
            decoder.frame(GOOD)

        assert process_of(decoder) is other
        decoder.frame(GOOD)
        end = time.monotonic() + 60
        while len(decoder.pool.idle) < 2 and time.monotonic() < end:
            time.sleep(0.05)
        assert all(process.is_ready and process.is_alive for process in decoder.pool.idle)


@pytest.mark.slow
def test_a_reader_scrolls_while_every_hostile_file_arrives():
    """No frame takes 200 ms longer than the slowest of those that came when nothing else was going on."""
    film = dicom_bytes(np.zeros((512, 512), np.int16))
    files = [make() for make, _ in REFUSED.values()] + [make() for make in SHOWN.values()]
    with Decoder(2) as decoder, ThreadPoolExecutor(1) as threads:
        for process in list(decoder.pool.idle):
            process.wait_until_ready()
        usual = max(seconds_of_a_frame(decoder, film) for _ in range(200))
        arriving = threads.submit(feed, decoder, files)
        during = []
        while not arriving.done():
            during.append(seconds_of_a_frame(decoder, film))

    arriving.result()
    print(
        f"slowest frame: {usual * 1000:.0f} ms alone, {max(during) * 1000:.0f} ms of {len(during)} meanwhile"
    )
    assert max(during) < usual + 0.2


def seconds_of_a_frame(decoder, data):
    """How long a reader waits for one frame."""
    begun = time.monotonic()
    decoder.frame(data)
    return time.monotonic() - begun


def feed(decoder, files):
    """Read each file as an upload does."""
    for data in files:
        with contextlib.suppress(DicomError):
            decoder.inspect(data)


def test_several_threads_share_the_processes():
    """Each gets the answer to its own question."""
    files = [dicom_bytes(np.full((8, 8), 10 * n, np.int16)) for n in range(24)]
    with Decoder(2) as decoder, ThreadPoolExecutor(6) as threads:
        frames = list(threads.map(decoder.frame, files))

    assert [int(frame.values[0, 0]) for frame in frames] == [10 * n for n in range(24)]


def test_the_processes_know_no_secret(monkeypatch):
    """What decodes hostile files holds nothing of the installation's environment."""
    monkeypatch.setenv("DRAGONFLY_SITE_KEY_FILE", "/secret")
    with Decoder(1) as decoder:
        decoder.render(GOOD)
        environment = Path(f"/proc/{process_of(decoder).child.pid}/environ").read_bytes()

    assert b"DRAGONFLY" not in environment


def test_a_process_that_hangs_is_replaced():
    """One file cannot hold up the next for longer than its own time."""
    with Decoder(1, Limits(wall_seconds=3)) as decoder:
        decoder.render(GOOD)
        process = process_of(decoder).child
        process.send_signal(19)
        with pytest.raises(TookTooLong):
            decoder.render(GOOD)

        assert decoder.render(GOOD).shape == (8, 8, 3)


def test_a_process_that_was_killed_is_replaced(decoder):
    """An abort in a codec is an error of one file."""
    process_of(decoder).child.kill()
    process_of(decoder).child.wait()

    assert decoder.render(GOOD).shape == (8, 8, 3)


def test_text_of_a_header_cannot_turn_or_break_a_line(decoder):
    """Names are shown, logged nowhere, and never control what shows them."""
    name = "<script>alert(1)</script>\u202e${7*7}\x07^A"

    identity = decoder.inspect(dicom_bytes(np.zeros((8, 8), np.int16), name=name))["identity"]

    assert identity["name"]["alphabetic"] == "<script>alert(1)</script>${7*7}, A"
