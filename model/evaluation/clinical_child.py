"""Run by model.evaluation.clinical in a process of its own: texts in, radeval's scores out, as JSON.

Its libraries read where their weights lie when they are imported, and print as they please: neither may touch us.
"""

import contextlib
import json
import sys
from typing import Any


def main() -> None:
    """Read metrics, refs and hyps from standard input; write scores, or why there are none."""
    asked, found = json.load(sys.stdin), dict[str, Any]()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            from radeval import RadEval

            scorer = RadEval(metrics=asked["metrics"], per_sample=True, show_progress=False)
            scores = scorer(refs=asked["refs"], hyps=asked["hyps"])
        found = {"scores": {name: [float(value) for value in values] for name, values in scores.items()}}
    except ModuleNotFoundError as error:
        found = {"absent": str(error.name)}
    except Exception as error:
        found = {"failed": type(error).__name__}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
