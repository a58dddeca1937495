"""The command line: the one place that turns errors into messages and exit codes."""

import os
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise

from lossctl.errors import EXIT_DEFECT, EXIT_INTERRUPT, EXIT_OK, EXIT_PIPE, LossctlError

Action = Callable[[], int]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `lossctl` and exit."""
    args = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in args
    try:
        code = run(args)
        sys.stdout.flush()
    except LossctlError as error:
        if debug:
            raise
        complain(str(error))
        code = error.exit_code
    except KeyboardInterrupt:
        complain("interrupted")
        code = EXIT_INTERRUPT
    except BrokenPipeError:
        # Whoever read the output has left; the interpreter must not try to flush what remains.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_PIPE
    except Exception as error:  # a defect of ours, wherever it was
        if debug:
            raise
        complain(f"internal error ({type(error).__name__}: {error}). This is a defect; --debug shows where.")
        code = EXIT_DEFECT
    sys.exit(code)


def run(args: list[str]) -> int:
    """Parse a command line, then act on it."""
    if args in (["--version"], ["-V"]):
        from lossctl import __version__

        print(f"lossctl {__version__}")
        return EXIT_OK
    from lossctl.cli import app

    plugins = [*filter(None, os.environ.get("LOSSCTL_PLUGIN", "").split(os.pathsep)), *_values_of("--plugin", args)]
    if plugins:
        from lossctl.plugins import load_file

        for path in plugins:
            load_file(path)
    return app.action(args)()


def _values_of(option: str, args: Sequence[str]) -> list[str]:
    """What an option is given on the command line; plugins must be there before the rest of it can be understood."""
    spaced = [value for name, value in pairwise(args) if name == option]
    return spaced + [arg.partition("=")[2] for arg in args if arg.startswith(option + "=")]


def complain(message: str) -> None:
    """One message on stderr."""
    print(f"lossctl: {message}", file=sys.stderr)
