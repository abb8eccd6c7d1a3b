"""Turns a folder and its requirements.txt into a Lambda asset, with pip and without Docker.

Two synths of the same sources give the same bytes, whoever makes them: nothing is compiled, no script with a path of
this machine is kept, and the asset's hash is that of the result. What pip has installed once is kept in a cache.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import jsii
from aws_cdk import (
    AssetHashType,
    BundlingOptions,
    BundlingOutput,
    DockerImage,
    IgnoreMode,
    ILocalBundling,
    SymlinkFollowMode,
)
from aws_cdk import aws_lambda as lambda_

from phaseline.cdk.basics.arguments import expect
from phaseline.cdk.functions.pip_install import Target, install
from phaseline_runtime.errors import UserError

IGNORED = (
    *("__pycache__", "*.pyc", ".git", ".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".DS_Store"),
    # What a synth and the local platform write: code that is `.` would be copied into itself without end.
    *("cdk.out", ".phaseline"),
)
"""What is never part of an asset."""

UNPACKED = 250
"""The most that AWS Lambda takes of a function with its layers, in MB, unzipped."""

MAX_PACKAGE = 240
"""The most that a function may bring which has our layer, in MB."""

DEFAULT_CACHE = Path(".phaseline/cache")
"""Where installed requirements are kept, below the working directory. It may be deleted at any time."""


@dataclass(frozen=True, slots=True)
class Bundling:
    """For which machine assets are built: made by one of its factories.

    The functions' architecture is the same either way, so that the template does not depend on it.
    """

    architecture: lambda_.Architecture
    for_lambda: bool
    cache: Path

    @classmethod
    def for_aws(cls, architecture: lambda_.Architecture | None = None, *, cache: Path = DEFAULT_CACHE) -> Bundling:
        """For AWS Lambda: wheels for its platform, whatever machine this is.

        Args:
            architecture: by default ARM_64, which costs less.
            cache: a folder for installed requirements.

        Raises:
            UserError: an argument is of another kind.
        """
        known = (lambda_.Architecture, type(None))
        expect("Bundling.for_aws", "architecture", architecture, known, "`lambda_.Architecture.X86_64`, or `.ARM_64`")
        expect("Bundling.for_aws", "cache", cache, Path, "a `pathlib.Path`")
        return cls(architecture or lambda_.Architecture.ARM_64, True, cache)

    @classmethod
    def for_this_interpreter(cls, *, cache: Path = DEFAULT_CACHE) -> Bundling:
        """For an emulator that runs functions with the interpreter of this process."""
        expect("Bundling.for_this_interpreter", "cache", cache, Path, "a `pathlib.Path`")
        return cls(lambda_.Architecture.ARM_64, False, cache)

    def on(self, architecture: lambda_.Architecture) -> Bundling:
        """The same for another processor."""
        return replace(self, architecture=architecture)

    @contextmanager
    def code(
        self,
        source: Path,
        *,
        owner: str,
        runtime: str,
        requirements: Path | None = None,
        complete: bool = False,
        prefix: str = "",
        into: str = "",
    ) -> Iterator[lambda_.Code]:
        """The code asset of a folder and its requirements; make the function or the layer inside the `with`.

        Args:
            source: the folder that is copied.
            owner: whose code it is, for messages: `job rent_a_boat`.
            runtime: `python3.13`; on AWS the wheels must fit it.
            requirements: the requirements.txt to install, or None (or a file that does not exist) for nothing.
            complete: whether that names everything that is needed; by default pip adds what those need in turn.
            prefix: the folder inside the asset for everything; a layer has `python`.
            into: the folder below the prefix that the source is copied to.

        Raises:
            UserError: pip failed, or it is more than Lambda takes; the message says for whom, and what to do.
        """
        check_package(owner, source)
        if not prefix and not into and (requirements is None or not requirements.is_file()):
            # The folder is the asset. CDK stages it by itself, and calls nobody through Node and back.
            yield lambda_.Code.from_asset(
                str(source),
                exclude=list(IGNORED),
                ignore_mode=IgnoreMode.GIT,
                follow_symlinks=SymlinkFollowMode.ALWAYS,
            )
            return
        target = (
            Target.on_aws(runtime, arm=self.architecture.name == lambda_.Architecture.ARM_64.name)
            if self.for_lambda
            else Target.here()
        )
        local = _LocalBundling(source, owner, requirements, complete, target, self.cache, prefix, into)
        code = lambda_.Code.from_asset(
            str(source),
            exclude=list(IGNORED),
            asset_hash_type=AssetHashType.OUTPUT,
            bundling=BundlingOptions(
                # Required by the API, and never pulled: the local bundling succeeds or raises.
                image=DockerImage.from_registry("docker-is-not-used"),
                local=local,
                # CDK bundles a folder once for the same options, and of the local bundling it sees nothing.
                platform=target.key,
                output_type=BundlingOutput.NOT_ARCHIVED,
            ),
        )
        try:
            yield code
        except RuntimeError:
            # The error has been through Node and back, which leaves a JavaScript traceback of it.
            if local.failure is not None:
                raise local.failure from None
            raise


@jsii.implements(ILocalBundling)
class _LocalBundling:
    """Called by CDK while it stages an asset, unless the stack is not to be bundled."""

    def __init__(
        self,
        source: Path,
        owner: str,
        requirements: Path | None,
        complete: bool,
        target: Target,
        cache: Path,
        prefix: str,
        into: str,
    ) -> None:
        self.source = source
        self.owner = owner
        self.requirements = requirements
        self.complete = complete
        self.target = target
        self.cache = cache
        self.prefix = prefix
        self.into = into
        self.failure: UserError | None = None

    def try_bundle(self, output_dir: str, *, image: DockerImage, **_: Any) -> bool:
        """Fill the folder of the asset. Never returns False: that would send CDK looking for Docker."""
        try:
            self._fill(Path(output_dir) / self.prefix)
        except UserError as error:
            self.failure = error
            raise
        except OSError as error:  # No place on the disk, a link that leads to itself, a file that cannot be read.
            self.failure = UserError(f"{self.owner}: the code in {self.source} cannot be copied: {error}")
            raise self.failure from error
        return True

    def _fill(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if self.requirements is not None and self.requirements.is_file():
            installed = install(
                self.requirements, owner=self.owner, target=self.target, cache=self.cache, complete=self.complete
            )
            check_package(self.owner, self.source, installed)
            shutil.copytree(installed, folder, dirs_exist_ok=True, copy_function=_link)
        # Last, so that a module of the user's wins over one of the same name that pip has brought.
        ignored = shutil.ignore_patterns(*IGNORED)
        shutil.copytree(
            self.source,
            folder / self.into,
            dirs_exist_ok=True,
            ignore=ignored,
            ignore_dangling_symlinks=True,  # Such as the locks of an editor.
            copy_function=_replace,
        )


def _link(source: str, target: str) -> None:
    """One file under two names, which takes a fifth of the time of a copy: nobody writes into an asset or the cache."""
    try:
        os.link(source, target)
    except OSError:  # Another disk, or one that knows no links.
        shutil.copy2(source, target)


def _replace(source: str, target: str) -> None:
    """In the place of what is there, and not into it: that may be a file of the cache."""
    Path(target).unlink(missing_ok=True)
    shutil.copy2(source, target)


def check_package(owner: str, *paths: Path, most: int = MAX_PACKAGE) -> None:
    """Raise UserError where these folders and archives together are more than Lambda takes, in MB."""
    size = sum(map(_unpacked, paths)) // 2**20
    if size > most:
        raise UserError(
            f"{owner}: has {size} MB of code and requirements; Lambda takes {UNPACKED} with its layers, of which it "
            f"may have {most}: require less, or move what is large to a container image"
        )


def _unpacked(path: Path) -> int:
    """How many bytes of a folder go into an asset, or are in an archive; none where that cannot be read."""
    if path.is_dir():
        return sum(file.stat().st_size for file in _kept(path) if file.is_file())
    try:
        with ZipFile(path) as archive:
            return sum(item.file_size for item in archive.infolist())
    except (OSError, BadZipFile):
        return 0


def _kept(folder: Path) -> Iterator[Path]:
    """What is in a folder, but for what is never part of an asset."""
    ignored = shutil.ignore_patterns(*IGNORED)
    for place, folders, files in os.walk(folder):
        folders[:] = set(folders) - ignored(place, folders)
        yield from (Path(place, name) for name in set(files) - ignored(place, files))
