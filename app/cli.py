"""`dragonfly-med`: one verb for each thing an operator, auditor or researcher does."""

import argparse
import sys

from app import commands
from app.settings import Settings


def parser() -> argparse.ArgumentParser:
    """All verbs with their help."""
    top = argparse.ArgumentParser(
        prog="dragonfly-med",
        description="Dragonfly-Med: clinical imaging in the browser. Settings come from DRAGONFLY_ variables "
        "(deploy/env.example lists them all).",
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, (text, arguments, run) in commands.VERBS.items():
        verb = verbs.add_parser(
            name,
            help=text,
            description=text,
            epilog=commands.EXAMPLES[name],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        for flags, options in arguments:
            verb.add_argument(*flags, **options)
        verb.set_defaults(run=run)
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; returns the exit status."""
    options = parser().parse_args(arguments)
    try:
        return int(options.run(Settings(), options) or 0)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if not hasattr(error, "code") and not isinstance(error, ValueError | OSError):
            raise
        sys.stderr.write(f"{error}\n")
        return 2
