"""Items made ready by a thread of their own, while the caller works on those before."""

from collections.abc import Iterator
from typing import TypeVar

AHEAD = 2
Item = TypeVar("Item")


def ahead(found: Iterator[Item]) -> Iterator[Item]:
    """The same items in the same order, a few of them in hand; what goes wrong is raised where they are taken."""
    from queue import Full, Queue
    from threading import Event, Thread

    # Each item comes in a list of its own; an empty list is the end, so that any item may be handed on, None too.
    waiting: Queue[tuple[list[Item], BaseException | None]] = Queue(AHEAD)
    stopped = Event()  # once the caller takes no more: a thread that waits for room would wait for ever

    def put(items: list[Item], error: BaseException | None = None) -> None:
        while not stopped.is_set():
            try:
                waiting.put((items, error), timeout=0.1)
                return
            except Full:
                continue

    def work() -> None:
        try:
            for item in found:
                put([item])
                if stopped.is_set():
                    break
            put([])
        except BaseException as error:  # raised again in the caller's thread
            put([], error)
        finally:
            if (close := getattr(found, "close", None)) is not None:
                close()

    Thread(target=work, daemon=True).start()
    try:
        while True:
            items, error = waiting.get()
            if error is not None:
                raise error
            if not items:
                return
            yield items[0]
    finally:
        stopped.set()
