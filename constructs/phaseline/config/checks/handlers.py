"""Looks whether a job's folder defines its handler, by the syntax tree: the user's code is never imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from phaseline.config.faults import nearest, said, shown

_STAR = "*"


_FORM = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


def check_handler_of(folder: Path, handler: str) -> str | None:
    """What is wrong with a handler, `module.function` of a folder, or None."""
    if not _FORM.fullmatch(handler):
        return said("must be a handler", got=shown(handler), allowed="module.function")
    module, _, function = handler.rpartition(".")
    base = folder.joinpath(*module.split("."))
    file = next((each for each in (base.with_suffix(".py"), base / "__init__.py") if each.is_file()), None)
    if file is None:
        modules = [f"{each.stem}.{function}" for each in sorted(folder.glob("*.py"))]
        wanted = f"{module.replace('.', '/')}.py"
        return said(f"there is no {wanted} in the folder", got=shown(handler), meant=nearest(handler, modules))
    try:
        tree = ast.parse(file.read_bytes(), filename=str(file))
    except (SyntaxError, ValueError):
        return None  # It may be in a newer Python than this one: whether it is one at all is not for us to say.
    except OSError as error:
        return f"{file.name} cannot be read: {error.strerror}"
    names = dict(_names(tree.body))
    if function not in names and _STAR not in names:
        functions = [name for name, made in names.items() if made is not None]
        what = f"{file.name} defines no `{function}`"
        return said(what, got=shown(handler), allowed=functions[:8], meant=nearest(function, functions))
    made = names.get(function)
    return None if made is None else _check_arguments(made, file.name)


def _check_arguments(made: ast.FunctionDef | ast.AsyncFunctionDef, file: str) -> str | None:
    """A handler is called with two arguments, or with three if it needs them. One with a decorator may be anything."""
    given = made.args
    positional = [*given.posonlyargs, *given.args]
    least = len(positional) - len(given.defaults)
    without_default = sum(1 for default in given.kw_defaults if default is None)
    callable_ = least <= 3 and (len(positional) >= 2 or given.vararg is not None) and not without_default
    if made.decorator_list or callable_:
        return None
    names = ", ".join(each.arg for each in [*positional, *given.kwonlyargs])
    return said(
        f"`{made.name}` in {file} cannot be called as a handler",
        got=f"({names})",
        allowed="(input, context) or (input, context, session)",
    )


def _names(body: Iterable[ast.stmt]) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | None]]:
    """The names that a module's statements define, with the function where it is one."""
    for statement in body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield statement.name, statement
            case ast.ClassDef():
                yield statement.name, None
            case ast.Import() | ast.ImportFrom():
                for alias in statement.names:
                    yield alias.asname or alias.name.partition(".")[0], None
            case ast.Assign():
                for target in statement.targets:
                    yield from ((each.id, None) for each in ast.walk(target) if isinstance(each, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name, None
            case ast.If() | ast.With() | ast.For() | ast.While():
                yield from _names(statement.body)
                yield from _names(getattr(statement, "orelse", []))
            case ast.Try():
                for part in (statement.body, statement.orelse, statement.finalbody):
                    yield from _names(part)
                for handler in statement.handlers:
                    yield from _names(handler.body)
