"""The reference of the config file, made from the JSON Schema that its key table yields.

python -m tests.support.config_reference      writes docs/reference/config.md anew
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from phaseline.config import json_schema

Schema = Mapping[str, Any]
FILE = Path(__file__).parents[2] / "docs/reference/config.md"
HEAD = """# All keys of `phaseline.yaml`

Made from the key table by which the file is read (`constructs/phaseline/config/reading/keys.py`); the
[config reference](../config.md) explains them. `NAME` is a name of your choice, `[]` an entry of a list. A number, a
duration or a `true` may also be written `${VARIABLE}`, which the `values` fill in with which the app loads the file,
and the variables of the shell for `--definition`. A duration is a number of seconds, or one with `s`, `m`, `h` or `d`.
"""
OPEN = r"\$\{"
"""By this a text is known that stands for a variable."""


def text() -> str:
    """The whole page."""
    seen: dict[str, str] = {}
    sections = "\n".join(_section("", json_schema(), seen)).rstrip()
    return f"{HEAD}\n{sections}\n"


def _section(path: str, schema: Schema, seen: dict[str, str]) -> Iterator[str]:
    """The table of one mapping, and those of the mappings in it; what looks the same elsewhere is shown once."""
    required = set(schema.get("required", ()))
    yield f"## `{path}`" if path else "## The file"
    yield ""
    yield "| key | value | meaning |"
    yield "|---|---|---|"
    inner: dict[str, Schema] = {}
    for key, value in schema["properties"].items():
        place = f"{path}.{key}" if path else key
        found = {f"{place}{suffix}": one for suffix, one in _mappings(value)}
        inner |= {where: one for where, one in found.items() if seen.setdefault(_text(one), where) == where}
        shown = dict.fromkeys(seen[_text(one)] for one in found.values())
        links = ", ".join(f"[`{where}`](#{_anchor(where)})" for where in shown)
        needed = "; required" if key in required else ""
        yield f"| `{key}` | {_value(value)}{f': {links}' if links else ''}{needed} | {value['description']} |"
    yield ""
    for where, one in inner.items():
        yield from _section(where, one, seen)


def _text(schema: Schema) -> str:
    return json.dumps(schema, sort_keys=True)


def _anchor(path: str) -> str:
    return "".join(character for character in path.lower() if character.isalnum() or character in "_-")


def _mappings(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """The mappings with fixed keys that a value may consist of, and how the path to each goes on."""
    if "properties" in schema:
        yield "", schema
    for inner in schema.get("anyOf", ()):
        yield from _mappings(inner)
    if "items" in schema:
        yield from ((f"[]{suffix}", found) for suffix, found in _mappings(schema["items"]))
    if isinstance(schema.get("additionalProperties"), Mapping):
        yield from ((f".NAME{suffix}", found) for suffix, found in _mappings(schema["additionalProperties"]))


def _value(schema: Schema) -> str:
    """What the value is, in words."""
    if "anyOf" in schema:
        said = [_value(one) for one in schema["anyOf"] if not _open(one)]
        if any("[smhd]" in one.get("pattern", "") for one in schema["anyOf"]):
            [seconds] = [one for one in schema["anyOf"] if one.get("type") == "integer"]
            return f"a duration, {seconds['minimum']:,} s to {seconds['maximum']:,} s"
        return " or ".join(dict.fromkeys(said))
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    kind = schema.get("type")
    if kind in ("integer", "number"):
        bounds = [f"{schema[key]:,}" for key in ("minimum", "maximum") if key in schema]
        return f"a number, {' to '.join(bounds)}" if len(bounds) > 1 else "a number"
    if kind == "array":
        return f"a list of {_plural(_value(schema['items']))}"
    if kind == "string":
        return "a name" if "pattern" in schema else "text"
    return "anything" if kind is None else "a mapping"


def _open(schema: Schema) -> bool:
    return str(schema.get("pattern", "")).startswith(OPEN)


def _plural(said: str) -> str:
    return {"text": "texts", "a name": "names", "a mapping": "mappings"}.get(said, said)


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text(), encoding="utf-8")
