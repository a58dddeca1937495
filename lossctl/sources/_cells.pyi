import numpy as np
import numpy.typing as npt

def read(
    text: bytes,
    start: int,
    stop: int,
    delimiter: bytes,
    quote: int,
    columns: npt.NDArray[np.int32],
    out: npt.NDArray[np.float64],
    /,
) -> int: ...
