"""Frames on a socket between a kernel and its judge: a length, then what `pack` made.

Whoever reads one trusts nothing in it: its size, and the depth and count of what it holds, are
limited, and nothing is ever unpickled.
"""

import socket
import time

from autograder.observation import pack, unpack

MAX_BYTES = 64 << 20


class Closed(Exception):
    """The other end is gone, or what it sends cannot be followed any more."""


def send(connection: socket.socket, value, seconds: float | None = None) -> None:
    """Sends plain data. Raises `Closed` where nobody reads it, within `seconds` if given."""
    write(connection, pack(value), seconds)


def write(connection: socket.socket, frame: bytes, seconds: float | None = None) -> None:
    """Sends bytes of at most `MAX_BYTES`, as `send` does."""
    try:
        connection.settimeout(seconds)
        connection.sendall(len(frame).to_bytes(8, "big") + frame)
    except OSError as error:
        raise Closed from error


def receive(connection: socket.socket, seconds: float | None = None):
    """The next value. Raises `TimeoutError`, `Closed`, or `ValueError` where a frame is not one."""
    return unpack(read(connection, seconds))


def read(connection: socket.socket, seconds: float | None = None) -> bytes:
    """The bytes of the next frame. Raises `TimeoutError` or `Closed`."""
    deadline = None if seconds is None else time.monotonic() + seconds
    size = int.from_bytes(_read(connection, 8, deadline), "big")
    if size > MAX_BYTES:
        raise Closed(f"a frame of {size} bytes")
    return _read(connection, size, deadline)


def _read(connection: socket.socket, size: int, deadline: float | None) -> bytes:
    data = bytearray()
    while len(data) < size:
        try:
            if deadline is not None:
                connection.settimeout(max(deadline - time.monotonic(), 0.001))
            part = connection.recv(min(size - len(data), 1 << 20))
        except TimeoutError:
            if data:  # the rest may come later, and would be taken for a new frame
                raise Closed("half a frame") from None
            raise
        except OSError as error:
            raise Closed from error
        if not part:
            raise Closed
        data += part
    return bytes(data)
