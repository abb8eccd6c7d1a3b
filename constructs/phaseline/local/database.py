"""Runs SecantusDB, the MongoDB-compatible server, with five differences, each towards what MongoDB does.

- In an aggregation expression, MongoDB reads a path that goes through a list in each of its documents:
  `"$results.offers.price"` is the list of the prices. SecantusDB gives nothing. It also writes null for a missing path
  of a variable (`"$$this.price"`) where MongoDB leaves the field out.
  (https://www.mongodb.com/docs/manual/core/field-paths/)
- The `timezone` of a date's operator and the `format` of `$dateToString` may come from the data; SecantusDB takes them
  for texts. `$dateToString` gives `onNull` for no date, and writes no `Z` behind another zone's time. `$concatArrays`
  takes a single list, documents whose keys stand in another order are not `$eq`, and there is an `$unsetField`.
  (https://www.mongodb.com/docs/manual/reference/mql/expressions/)
- Whoever asks for an `_id` and something more gets the document by the index on `_id`. SecantusDB runs through the
  whole collection; so does its `findAndModify`, which asks like that for itself.
- A write costs the same however many went before. SecantusDB looks twice at each of the last 10,000 writes that a
  driver may still repeat: four milliseconds and more with each write.
- What a write with the concern `majority` has been answered for survives the end of the process, even by SIGKILL.
  SecantusDB leaves the newest of its journal in its own memory: some tenths of a second of acknowledged writes were
  lost. Handed to the system with each commit, and not to the disk, it costs next to nothing.
  (https://www.mongodb.com/docs/manual/reference/write-concern/#acknowledgment-behavior)

All of it holds for the pinned version; where SecantusDB has changed, `mend` says so instead of going on without.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import wraps
from typing import Any

_MISSING = object()

_KEPT_IN_MEMORY = "transaction_sync=(enabled=false,method=fsync)"
_HANDED_OVER = "transaction_sync=(enabled=true,method=none)"
"""What becomes of the journal with each commit, as SecantusDB opens WiredTiger, and as it is to.

`method=none` is written to the file and not synchronized: https://source.wiredtiger.com/develop/tune_durability.html
"""


def read(value: Any, path: str, default: Any = None) -> Any:
    """What MongoDB's aggregation finds at a dotted path. A number in it is a field's name, never a place in a list.

    A list gives the list of what its documents have there: whoever has nothing adds nothing, nor does a list in a list.
    """
    name, _, rest = path.partition(".")
    found = value.get(name, _MISSING) if isinstance(value, Mapping) else _MISSING
    if not rest or found is _MISSING:
        return default if found is _MISSING else found
    return _below(found, rest, default)


def _below(value: Any, path: str, default: Any) -> Any:
    if not isinstance(value, list):
        return read(value, path, default)
    each = (read(item, path, _MISSING) for item in value if isinstance(item, Mapping))
    return [found for found in each if found is not _MISSING]


def mend() -> None:
    """Let SecantusDB do so, in this process. Raises AttributeError where its code has changed."""
    from secantus import aggregate, expressions, storage, transactions

    if expressions.get_path is not read:
        _read_through_lists(expressions)
        _take_zones_from_data(expressions, aggregate._TIMEZONE_OPERATORS)
        _write_dates(expressions)
        _take_lists_and_documents(expressions)
        _find_by_id(storage.Storage)
        _forget_oldest(transactions)
        _hand_over_journal(storage)


def _read_through_lists(expressions: Any) -> None:
    resolve, as_field, missing = expressions._resolve_var, expressions._eval_field_value, expressions.MISSING

    def variable(name: str, context: Any, default: Any = None) -> Any:
        base, _, rest = name.partition(".")
        value = resolve(base, context)
        return _below(value, rest, default) if rest else value

    def field(expression: Any, context: Any) -> Any:
        if isinstance(expression, str) and expression.startswith("$$") and "." in expression:
            return variable(expression[2:], context, missing)
        return as_field(expression, context)

    expressions.get_path, expressions._resolve_var, expressions._eval_field_value = read, variable, field


def _take_zones_from_data(expressions: Any, operators: frozenset[str]) -> None:
    evaluate, check, given = expressions._eval, expressions.resolve_timezone_argument, expressions._OPS

    def check_text(name: str, **more: Any) -> Any:
        """Before anything is evaluated."""
        return None if name.startswith("$") else check(name, **more)

    def zoned(operator: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def found(argument: Any, context: Any) -> Any:
            if not isinstance(argument, Mapping) or "timezone" not in argument:
                return operator(argument, context)
            zone = evaluate(argument["timezone"], context)
            return None if zone is None else operator({**argument, "timezone": zone}, context)

        return found

    expressions.resolve_timezone_argument = check_text
    given.update({name: zoned(given[name]) for name in operators - {"$dateFromString", "$dateToString"}})


def _write_dates(expressions: Any) -> None:
    evaluate, write, zone_of = expressions._eval, expressions._OPS["$dateToString"], expressions._resolve_timezone

    def written(argument: Any, context: Any) -> Any:
        if evaluate(argument["date"], context) is None:
            return evaluate(argument.get("onNull"), context)
        asked = {key: evaluate(argument[key], context) for key in ("format", "timezone") if key in argument}
        if None in asked.values():
            return None
        if "timezone" in asked and zone_of(asked["timezone"]).utcoffset(None) != timedelta(0):
            asked = {"format": "%Y-%m-%dT%H:%M:%S.%L", **asked}
        return write({**argument, **asked}, context)

    expressions._OPS["$dateToString"] = written


def _take_lists_and_documents(expressions: Any) -> None:
    concatenated, removed, equal = expressions._op_concat_arrays, expressions._op_set_field, expressions._bson_equal

    def one_or_several(argument: Any, context: Any) -> Any:
        return concatenated(argument if isinstance(argument, list) else [argument], context)

    def without(argument: Any, context: Any) -> Any:
        return removed({**argument, "value": "$$REMOVE"}, context)

    expressions._OPS |= {"$concatArrays": one_or_several, "$unsetField": without}
    expressions._bson_equal = lambda a, b: equal(a, b) and _in_one_order(a, b)


def _in_one_order(a: Any, b: Any) -> bool:
    """Whether the keys of both, which are equal but for that, stand in the same order."""
    if isinstance(a, Mapping):
        return list(a) == list(b) and all(_in_one_order(a[key], b[key]) for key in a)
    return not isinstance(a, list) or all(map(_in_one_order, a, b))


def _find_by_id(storage: Any) -> None:
    by_index = storage._try_index_id_keys

    def candidates(self: Any, db: str, coll: str, query: Mapping[str, Any], **options: Any) -> Any:
        """What may match; whoever asks looks at each of them again."""
        identifier = query.get("_id")
        if identifier is not None and not isinstance(identifier, Mapping):
            query = {"_id": identifier}
        return by_index(self, db, coll, query, **options)

    storage._try_index_id_keys = candidates


def _forget_oldest(transactions: Any) -> None:
    """Of the writes that may be repeated: they are kept in the order in which they were made."""
    registry = transactions.TransactionRegistry
    most, seconds = transactions._RETRYABLE_RECORD_MAX, transactions._RETRYABLE_RECORD_LIFETIME_SECONDS

    @wraps(registry._prune_retryable_locked)
    def prune(self: Any) -> None:
        kept, since = self._retryable, self._time() - seconds
        while kept:
            oldest = next(iter(kept))
            _, at, _ = kept[oldest]
            if at >= since and len(kept) <= most:
                return
            del kept[oldest]

    registry._prune_retryable_locked = prune


def _hand_over_journal(storage: Any) -> None:
    """Of what is on a disk and journaled; in memory there is nothing to survive."""
    opened = storage.wt.wiredtiger_open

    def open(home: str, config: str) -> Any:
        return opened(home, config.replace(_KEPT_IN_MEMORY, _HANDED_OVER))

    storage.wt.wiredtiger_open = open


def main() -> None:
    """Run the server in the foreground, with the arguments of `secantusd-py`."""
    from secantus import cli

    try:
        mend()
    except AttributeError as error:
        sys.exit(f"this version of SecantusDB is not the pinned one: {error}")
    sys.exit(cli.main())


if __name__ == "__main__":
    main()
