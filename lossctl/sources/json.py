"""JSON Lines, and a JSON array of objects: rows as objects, columns as their keys.

Lines are read in parallel, like those of a CSV file. An array is read in order: the commas between its objects are
turned into spaces, and what is left are objects one after another, which are read as lines are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa
from pyarrow import json

from lossctl.errors import DataError
from lossctl.sources import packed
from lossctl.sources.base import ColumnInfo, FileSource, Piece, Reading, Stamp, check_doubled
from lossctl.sources.cuts import Part, Rules, cuts, streamed
from lossctl.sources.objects import Field, Objects, fields_of, is_array, objects_of

HEAD_BYTES = 1 << 18
BOM = b"\xef\xbb\xbf"
