"""How far a long command is: a bar on a terminal, lines in a log."""

import sys


class Progress:
    """A bar on a terminal; in a log, where nothing can be painted over, a line for each tenth."""

    def __init__(self) -> None:
        self.said = ("", -1)

    def __call__(self, stage: str, share: float) -> None:
        if sys.stderr.isatty():
            filled = round(share * 30)
            sys.stderr.write(f"\r[{'#' * filled}{'.' * (30 - filled)}] {share:4.0%} {stage:<40}")
        elif (stage, int(share * 10)) != self.said:
            self.said = (stage, int(share * 10))
            sys.stderr.write(f"{share:4.0%} {stage}\n")
        sys.stderr.flush()


progress = Progress()
