"""Dead letters: what Phaseline could not complete by itself, for people to look at, retry or drop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phaseline.cli.confirmation import confirm
from phaseline.cli.options import Env, Json, Yes
from phaseline.cli.output import clock, complain, legible, note, plain, print_columns, print_json
from phaseline_runtime.errors import PhaselineError, UserError

if TYPE_CHECKING:
    from phaseline.cli.dead_letter import DeadLetter
    from phaseline.cli.kept import Kept

group = typer.Typer(
    name="dlq",
    help="Dead letters: messages that could not be completed, kept for people.",
    no_args_is_help=True,
)

MessageId = Annotated[str, typer.Argument(metavar="ID", help="The message's id.", show_default=False)]
OneOrAll = Annotated[str | None, typer.Argument(metavar="ID", help="The message's id.", show_default=False)]
All = Annotated[bool, typer.Option("--all", help="All messages that there are.")]


@group.command("list")
def list_letters(as_json: Json = False, env: Env = None) -> None:
    """List the dead letters, those first that have been there longest."""
    kept = _kept(env)
    with kept.look() as found:
        letters = sorted(found, key=lambda letter: letter.since)
    if as_json:
        print_json([_summary(letter) for letter in letters])
    elif letters:
        rows = [(letter.id, clock(letter.since), letter.about, _line(letter.cause)) for letter in letters]
        print_columns(("ID", "SINCE", "ABOUT", "CAUSE"), rows, {})
        if any(letter.fault is not None for letter in letters):
            note("what cannot be read fails at each retry: `phaseline dlq show ID`, then `phaseline dlq drop ID`")
    else:
        note("no dead letters to be seen")
    _say_hidden(kept)


@group.command()
def show(id: MessageId, as_json: Json = False, env: Env = None) -> None:
    """Print a whole dead letter."""
    kept = _kept(env)
    with kept.look(id) as found:
        letter = _only(found, id, kept)
    whole = {**_summary(letter), "from": letter.source, "attributes": letter.attributes, "message": letter.told}
    if as_json:
        print_json(whole)
        return
    for name in ("id", "since", "about", "cause", "from"):
        print(f"{name + ':':<8}{'notifications_job' if whole[name] is None else _as_text(whole[name])}")
    for name, value in letter.attributes.items():
        print(f"{name}: {_as_text(value)}")
    print_json(letter.told)


@group.command()
def retry(id: OneOrAll = None, all: All = False, as_json: Json = False, env: Env = None) -> None:
    """Have a dead letter completed once more; what fails again comes back under another id."""
    chosen = _chosen("retry", id, all)
    kept = _kept(env)
    with kept.look(chosen) as found:
        _each("retried", kept.retry, _wanted(found, id, kept), kept, as_json)


@group.command()
def drop(id: OneOrAll = None, all: All = False, yes: Yes = False, as_json: Json = False, env: Env = None) -> None:
    """Delete a dead letter for good."""
    chosen = _chosen("drop", id, all)
    kept = _kept(env)
    with kept.look(chosen) as found:
        letters = _wanted(found, id, kept)
        for letter in letters:
            note(f"  {letter.id}  {letter.about}  {_line(letter.cause)}")
        confirm(f"drop {len(letters)} for good?", yes=yes or not letters)
        _each("dropped", kept.drop, letters, kept, as_json)


def _kept(env: str | None) -> Kept:
    from phaseline.cli import cloud
    from phaseline.cli.kept import Kept

    return Kept(cloud.find(env))


def _chosen(what: str, id: str | None, all: bool) -> str | None:
    if (id is None) != all:
        raise UserError(f"{what}: give the id of a message, or --all, and not both")
    return id


def _wanted(found: list[DeadLetter], id: str | None, kept: Kept) -> list[DeadLetter]:
    return found if id is None else [_only(found, id, kept)]


def _only(found: list[DeadLetter], id: str, kept: Kept) -> DeadLetter:
    if found:
        return found[0]
    hidden = kept.hidden()
    more = f"; {hidden} more cannot be seen just now: try again in a minute" if hidden else ""
    raise UserError(f"there is no dead letter {id!r} to be seen: `phaseline dlq list` shows those that are there{more}")


def _each(done: str, act: Callable[[DeadLetter], None], letters: list[DeadLetter], kept: Kept, as_json: bool) -> None:
    """Do it to each; what fails is said, and the rest goes on."""
    failed = 0
    results = []
    for letter in letters:
        try:
            act(letter)
        except PhaselineError as error:
            failed += 1
            complain(f"{letter.id}: {error}")
        else:
            results.append({"id": letter.id, "done": done})
            if not as_json:
                print(f"{letter.id} {done}")
    if as_json:
        print_json(results)
    note(f"{len(results)} {done}" + (f", {failed} failed" if failed else ""))
    if kept.more:
        note("there may be more: call it once more")
    if failed:
        raise typer.Exit(1)


def _say_hidden(kept: Kept) -> None:
    if kept.more:
        note("there may be more: these are what SQS gave first; retry or drop some, and list again")
    hidden = kept.hidden()
    if hidden:
        note(f"{hidden} more cannot be seen just now: somebody looks at them; try again in a minute")


def _summary(letter: DeadLetter) -> dict[str, Any]:
    return {"id": letter.id, "since": letter.since, "about": letter.about, "cause": letter.cause}


def _line(text: str, limit: int = 100) -> str:
    line = legible(" ".join(text.split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _as_text(value: Any) -> str:
    """A value as a person reads it."""
    return legible(str(value if isinstance(value, str) else plain(value)))
