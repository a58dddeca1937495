from typing import Any

def run(
    code: bytes,
    extra: bytes,
    constants: bytes,
    registers: int,
    columns: tuple[tuple[Any, int, int, int, Any, int, int, Any, int], ...],
    rows: int,
    mask: Any,
    codes: Any,
    cells: int,
    kinds: bytes,
    outs: tuple[Any, ...],
    level: int,
    /,
) -> tuple[int, bytes, list[Any]]: ...
def levels() -> list[str]: ...
