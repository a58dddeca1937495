"""What may have been meant where a role has no column: a name that is near, another loss, another first line."""

import re
from collections.abc import Collection, Sequence

from lossctl.columns.binding import Table
from lossctl.declare import registry
from lossctl.declare.declaration import Loss
from lossctl.declare.kernel import LossRole
from lossctl.declare.roles import usual_names
from lossctl.engine.plan.bind import search
from lossctl.errors import DataError, it_has, listing


def not_found(loss: Loss, role: LossRole, table: Table, used: Collection[str]) -> str:
    """The error that a role has no column, with what may have been meant."""
    tried = [name for rank in usual_names(role.name, role.role) for name in rank]
    return (
        f"{table.path} has no column for the {role.name} of {loss.name}: none is called {listing(tried)} "
        f"{it_has(table.columns)}.{_nearly(role, tried, table, used)} Name it with {role.option} COLUMN."
        + (" Coefficients in a file of their own: --coef-file FILE:COLUMN." if role.name == "coef" else "")
        + _others(loss, table)
    )


def _nearly(role: LossRole, tried: Sequence[str], table: Table, used: Collection[str]) -> str:
    """A tip where a column is called almost as usual or holds something else, or the first line is no header."""
    from difflib import get_close_matches

    plain = {re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_"): name for name in table.columns}
    found = [plain[name] for usual in tried for name in get_close_matches(usual, plain, n=1, cutoff=0.8)]
    if found and found[0] in used:
        return f" {found[0]!r} already serves another option."
    if found and found[0] in tried:
        several = "several columns, or lists (in CSV JSON arrays: [0.1, 0.9])"
        return f" {found[0]!r} holds {table.columns[found[0]].type}; {role.role.says} are {several}."
    if found:
        return f" Did you mean {found[0]!r}?"
    if next(iter(table.columns), "").startswith(("#", "sep=")):
        return " The header must be the first line: drop the one above it (tail -n +2 FILE | lossctl ... -)."
    return ""


def _others(loss: Loss, table: Table) -> str:
    """A tip where the columns are those of other losses of the task: probabilities where logits are asked."""
    from difflib import get_close_matches

    fitting = []
    for other in registry.every():
        required = [role for role in other.roles if role.required]
        if other is not loss and len(required) > 1 and other.task.split(", ")[0] == loss.task.split(", ")[0]:
            try:
                found = [search(role, table, set()) for role in required]
            except DataError:
                continue
            fitting += [other.name] * (None not in found and len(set(found)) == len(found))
    nearest = get_close_matches(loss.name, fitting, n=3, cutoff=0.0)
    return f" Its columns fit {' or '.join(nearest)}." if nearest else ""
