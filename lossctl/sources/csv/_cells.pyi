import numpy as np
import numpy.typing as npt

def read(
    text: bytes,
    start: int,
    stop: int,
    delimiter: bytes,
    quote: int,
    missing: tuple[bytes, ...],
    columns: npt.NDArray[np.int32],
    numbers: npt.NDArray[np.float64],
    codes: npt.NDArray[np.int32],
    capacity: int,
    /,
) -> tuple[int, list[tuple[bytes, bytes]]]: ...
