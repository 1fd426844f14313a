"""The map of STYLE that keeps itself true: who may import whom, and what must never be importable."""

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "app": {"app", "model", "dicom", "storage"},
    "model": {"model"},
    "dicom": {"dicom"},
    "storage": {"storage"},
}
GPL_ONLY = ["pylibjpeg_libjpeg", "pymerkle", "dicomlock", "gdcm"]


def imported_roots(file: Path) -> Iterator[str]:
    """The first name of everything this file imports, wherever in the file."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_folders_only_look_downward(folder):
    """The app may use everyone; model, dicom and storage know only themselves."""
    foreign = {
        (file.name, name)
        for file in (ROOT / folder).rglob("*.py")
        for name in imported_roots(file)
        if name in MAY_IMPORT and name not in MAY_IMPORT[folder]
    }

    assert foreign == set()


@pytest.mark.parametrize("name", GPL_ONLY)
def test_no_gpl_package_is_importable(name):
    """A GPL plug-in that slips in with an extra would change the licence of the whole."""
    assert importlib.util.find_spec(name) is None


def test_the_web_process_never_loads_torch():
    """Opening the page must not cost a GPU library."""
    code = "import sys, app.web; print('torch' in sys.modules)"

    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)

    assert answer.stdout == "False\n", answer.stderr
