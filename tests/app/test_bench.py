"""`make bench` prints figures for everything it promises; it judges none of them."""

import pytest

from app.bench import run


@pytest.mark.slow
def test_every_figure_is_measured():
    """Both architectures, the upload of a series, an answer, and the memory of web and worker."""
    text = run()

    for words in ("867 visual", "2098 visual", "preprocessing", "first piece", "pieces per second"):
        assert words in text
    assert "upload to viewable, 100 slices" in text and text.count(" MB\n") == 5
