"""The command line: the one place that turns errors into messages and exit codes."""

import atexit
import errno
import gc
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from itertools import pairwise
from typing import NoReturn

from lossctl.cli.say import complain
from lossctl.errors import (
    ESCAPED,
    EXIT_DEFECT,
    EXIT_INTERRUPT,
    EXIT_MISUSE,
    EXIT_OK,
    EXIT_PIPE,
    EXIT_TERMINATED,
    LossctlError,
)

# The digits of products of matrices must not depend on the cores, which our own threads keep at work.
BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
NO_OUTPUT = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EBADF)


def entry() -> NoReturn:
    """The installed command: `main`, and the end of the process without taking its modules apart one by one."""
    for variable in BLAS_THREADS:
        os.environ.setdefault(variable, "1")
    if not os.environ.get("COLUMNS", "").strip("0"):  # no terminal is that narrow: it does not know its width
        os.environ.pop("COLUMNS", None)
    _open_streams()
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)
    gc.set_threshold(1 << 18)  # what imports make stays: looking through it again and again is a tenth of the start
    try:
        if callable(signal.getsignal(signal.SIGINT)):  # from here on there are files to put away
            signal.signal(signal.SIGINT, signal.default_int_handler)
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else EXIT_OK if end.code is None else EXIT_DEFECT
    except KeyboardInterrupt:
        code = EXIT_INTERRUPT
    if code == EXIT_TERMINATED:
        complain("terminated")
    atexit._run_exitfuncs()  # os._exit() would leave copies of standard input behind
    with suppress(OSError):  # `main` has written what it had to say, or has told why it could not
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _open_streams() -> None:
    """Give every stream its descriptor, also where the caller closed it, and let none fail at a character it lacks."""
    for number, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:  # a file opened later would be taken for the stream; output that nobody gets is told as such
            os.open(os.devnull, mode)
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8")  # noqa: SIM115  open until the end
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=ESCAPED)


def _terminate(*_: object) -> NoReturn:
    """End by an exception, as Ctrl-C does, so that unfinished files are removed; a second signal changes nothing."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(EXIT_TERMINATED)


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
    except Exception as error:
        if debug:
            raise
        if isinstance(error, OSError) and error.errno in NO_OUTPUT:
            closed = error.errno == errno.EBADF
            trouble, remedy = ("it is closed", "Open it") if closed else (error.strerror, "Make room")
            complain(f"the output cannot be written: {trouble}. {remedy}, or name a file with --output.")
            code = EXIT_MISUSE
        else:  # a defect of ours, wherever it was
            complain(f"internal error ({type(error).__name__}: {error}). This is a defect; --debug shows where.")
            code = EXIT_DEFECT
    sys.exit(code)


def run(args: list[str]) -> int:
    """Parse a command line, then act on it."""
    if args in (["--version"], ["-V"]):
        from lossctl import __version__

        print(f"lossctl {__version__}")
        return EXIT_OK
    from lossctl.api import settings
    from lossctl.cli import app

    named = os.environ.get("LOSSCTL_PLUGIN", "").split(os.pathsep)
    plugins = [*settings.plugins(), *filter(None, named), *_values_of("--plugin", args)]
    if plugins:
        from lossctl.declare.registry import load_file

        for path in plugins:
            load_file(path)
    return app.action(args)()


def _values_of(option: str, args: Sequence[str]) -> list[str]:
    """The values of an option, read before the line is parsed: --plugin decides which losses and options there are."""
    spaced = [value for name, value in pairwise(args) if name == option]
    return spaced + [arg.partition("=")[2] for arg in args if arg.startswith(option + "=")]
