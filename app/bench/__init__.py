"""`make bench`: how fast and how large, on this machine; prints and asserts nothing."""

import os
import platform

from app.bench import images, service


def run() -> str:
    """All figures as lines of text; takes a few minutes."""
    from model import bench

    head = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, one thread, no GPU"
    lines = [head, "", "Model, random weights of a stated size (float32)"]
    for version in ("v1", "v2"):
        speed = bench.measure(version)
        lines += [
            f"  {version}: {speed.text_parameters / 1e6:.1f} M text + {speed.vision_parameters / 1e6:.1f} M vision parameters, "
            f"{speed.positions} visual positions",
            f"    preprocessing of a 1024 x 1024 picture  {speed.preprocessing_seconds * 1000:8.0f} ms",
            f"    time to the first piece                 {speed.first_seconds:8.2f} s",
            f"    pieces per second after it              {speed.pieces_per_second:8.1f}",
        ]
    lines += ["", "Pictures, from file to screen"]
    lines += [f"  {what:<72}{value}" for what, value in images.measure()]
    figures = service.measure()
    lines += ["", "Application, demonstration model, SQLite, web and worker as processes of their own"]
    lines += [f"  {what:<56}{value}" for what, value in figures]
    return "\n".join(lines) + "\n"
