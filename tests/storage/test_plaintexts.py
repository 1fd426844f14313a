"""Plaintext copies: made once, held while they are read, within their quota, and gone afterwards."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from storage.errors import ScratchFull
from storage.plaintexts import Plaintexts


def of(size, made=None):
    """Fills a copy with so many bytes, and notes that it did."""

    def fill(folder):
        (folder / "slide").write_bytes(b"x" * size)
        if made is not None:
            made.append(folder.name)

    return fill


def names(plaintexts):
    return sorted(one.name for one in plaintexts.root.iterdir() if one.is_dir())


def test_a_copy_is_made_once(tmp_path):
    """The second reader gets what the first one had made; only the owner may look into it."""
    plaintexts, made = Plaintexts(tmp_path / "p", 100), []

    for _ in range(2):
        with plaintexts.hold("a", 10, of(10, made)) as folder:
            assert (folder / "slide").read_bytes() == b"x" * 10

    assert made == ["a"]
    assert (tmp_path / "p" / "a").stat().st_mode & 0o077 == 0


def test_the_longest_unused_makes_room(tmp_path):
    """Three of 40 into 100: the one that was looked at last stays, whatever was made first."""
    plaintexts = Plaintexts(tmp_path, 100)
    for name in ("a", "b"):
        with plaintexts.hold(name, 40, of(40)):
            pass
    os.utime(tmp_path / "a" / ".whole", (1, 1))
    os.utime(tmp_path / "b" / ".whole", (2, 2))
    with plaintexts.hold("a", 40, of(40)):
        pass

    with plaintexts.hold("c", 40, of(40)):
        pass

    assert names(plaintexts) == ["a", "c"]


def test_what_is_held_is_never_wiped(tmp_path):
    """With everything held there is no room, and that is said; what is held can still be read."""
    plaintexts = Plaintexts(tmp_path, 100)

    with plaintexts.hold("a", 60, of(60)) as held:
        with pytest.raises(ScratchFull), plaintexts.hold("b", 60, of(60)):
            pass
        assert plaintexts.sweep() == 0
        assert (held / "slide").read_bytes() == b"x" * 60

    assert names(plaintexts) == ["a"]
    assert plaintexts.sweep() == 1
    assert list(tmp_path.iterdir()) == []


def test_one_that_is_too_large_alone_is_refused(tmp_path):
    """Nothing is wiped in vain for it for good: the others are made again when asked for."""
    with pytest.raises(ScratchFull), Plaintexts(tmp_path, 100).hold("a", 101, of(101)):
        pass


def test_a_copy_that_failed_leaves_nothing(tmp_path):
    """Half a slide would be a damaged slide to the next reader."""
    plaintexts = Plaintexts(tmp_path, 100)

    def breaks(folder):
        (folder / "slide").write_bytes(b"half")
        raise OSError

    with pytest.raises(OSError), plaintexts.hold("a", 10, breaks):
        pass

    assert names(plaintexts) == []


def test_a_wiped_copy_is_empty_even_for_who_has_it_open(tmp_path):
    """A process of the decoder may have the file open still: its blocks are free and its bytes are gone."""
    plaintexts = Plaintexts(tmp_path, 100)
    with plaintexts.hold("a", 10, of(10)) as folder:
        left_open = (folder / "slide").open("rb")

    plaintexts.sweep()

    assert left_open.read() == b""
    left_open.close()


def test_two_readers_at_once_make_one_copy(tmp_path):
    """The second waits for the first instead of copying beside it."""
    plaintexts, made, seen = Plaintexts(tmp_path, 100), [], []

    def read():
        with plaintexts.hold("a", 10, of(10, made)) as folder:
            seen.append((folder / "slide").read_bytes())

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (made, len(seen)) == (["a"], 8)


DIES = """
import os, sys
from pathlib import Path
from storage.plaintexts import Plaintexts
p = Plaintexts(Path(sys.argv[1]), 100)
with p.hold("dead", 10, lambda folder: (folder / "slide").write_bytes(b"secret")):
    os.write(1, b"held")
    if sys.stdin.read(1) == "k":
        os._exit(1)
"""


def test_another_process_holds_too_and_a_dead_one_no_longer(tmp_path):
    """Web and workers share the copies; what a killed process left is wiped at the next start."""
    root = Path(__file__).parents[2]
    other = subprocess.Popen(
        [sys.executable, "-c", DIES, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(root), "PATH": os.environ["PATH"]},
    )
    with other:
        assert other.stdout.read(4) == b"held"
        plaintexts = Plaintexts(tmp_path, 100)
        while_it_lives = plaintexts.sweep()
        other.stdin.write(b"k")
        other.stdin.close()
        other.wait(20)

    assert while_it_lives == 0
    assert plaintexts.sweep() == 1
    assert names(plaintexts) == []
