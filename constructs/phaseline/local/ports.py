"""Choosing TCP ports: free ones, the same again for the same project.

Ports lie below the range from which systems take outgoing ports, so that a remembered port is rarely taken meanwhile.
"""

from __future__ import annotations

import errno
import socket
import zlib
from collections.abc import Container

from phaseline.local.errors import PlatformMisuse

HOST = "127.0.0.1"
"""Everything listens on this host alone: the platform has no passwords."""

FIRST = {"aws": 24_000, "mongo": 27_200}
SPAN = 800


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of the local host."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        if probe.connect_ex((HOST, port)) == 0:
            return False
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno == errno.EACCES:
                raise PlatformMisuse(f"port {port} needs privileges: choose one from 1024 to 65535") from None
            return False
    return True


def choose(part: str, project: str, *, avoid: Container[int | None] = ()) -> int:
    """A free port for a part of the platform: where a project's search begins depends on its path alone."""
    first = FIRST[part]
    offset = zlib.crc32(project.encode()) % SPAN
    for step in range(SPAN):
        port = first + (offset + step) % SPAN
        if port not in avoid and is_free(port):
            return port
    raise PlatformMisuse(f"no port from {first} to {first + SPAN - 1} is free: give one with --{part}-port")
