"""The judge asks a kernel that is played by the test."""

import itertools
import socket
import threading

import pytest

from autograder.engine import judge, wire
from autograder.engine.judge import validated
from autograder.observation import pack

ORDER = {"question": "lab01.count_pairs", "seed": "0" * 8, "seconds": 0.3, "lines": {"x = 1"}}


@pytest.fixture
def lines():
    """The judge's two connections as a kernel and the grader hold them."""
    (kernel, of_kernel), (control, of_control) = socket.socketpair(), socket.socketpair()
    thread = threading.Thread(target=judge.serve, args=(of_kernel, of_control), daemon=True)
    thread.start()
    yield kernel, control
    kernel.close()
    control.close()
    thread.join(10)
    assert not thread.is_alive()


def examine(lines, answer) -> dict:
    """The ledger's entry where the kernel answers an order by `answer(connection, order)`."""
    kernel, control = lines

    def play():
        try:
            while True:
                order = wire.receive(kernel)
                if order["ticket"] is not None:
                    answer(kernel, order)
        except (wire.Closed, OSError):
            pass

    threading.Thread(target=play, daemon=True).start()
    said: dict = {}
    for part in ("visible", "hidden"):
        wire.send(control, ORDER | {"part": part})
        said = {}
        while "alive" not in said:
            said = wire.receive(control, 20)
        if "question" in said:
            return said
    return said


def count_pairs(ids):
    counts: dict = {}
    for pair in itertools.pairwise(ids):
        counts[pair] = counts.get(pair, 0) + 1
    return counts


def right(kernel, order, ticket=None):
    value = {"status": "returned", "value": count_pairs(order["inputs"]["ids"])}
    wire.write(kernel, (ticket or order["ticket"]).encode() + pack(value))


def test_right_answers_earn_their_points(lines):
    assert examine(lines, right)["earned"] == 1


def test_frames_with_other_tickets_are_passed_over(lines):
    def answer(kernel, order):
        for ticket in ("0" * 16, "", "x"):
            wire.write(kernel, ticket.encode() + pack({"status": "returned", "value": {}}))
        right(kernel, order)

    assert examine(lines, answer)["earned"] == 1


def test_right_frames_under_a_wrong_ticket_earn_nothing(lines):
    entry = examine(lines, lambda kernel, order: right(kernel, order, "0" * 16))
    assert entry["earned"] == 0 and not entry["alive"]


def test_what_is_no_frame_earns_nothing_and_is_said(lines):
    entry = examine(
        lines, lambda kernel, order: wire.write(kernel, order["ticket"].encode() + b"x")
    )
    assert (entry["earned"], entry["ended"], entry["alive"]) == (0, "unreadable", True)


def test_a_kernel_that_ends_earns_nothing(lines):
    entry = examine(lines, lambda kernel, order: kernel.shutdown(socket.SHUT_RDWR))
    assert (entry["earned"], entry["ended"], entry["alive"]) == (0, "silent", False)


@pytest.mark.parametrize(
    ("observation", "status"),
    [
        (None, "unreadable"),
        ([], "unreadable"),
        ({}, "unreadable"),
        ({"status": "right"}, "unreadable"),
        ({"status": ["returned"]}, "unreadable"),
        ({"status": "returned"}, "unreadable"),
        ({"status": "returned", "value": None, "earned": 9}, "returned"),
        ({"status": "silent"}, "unreadable"),
        ({"status": "undefined", "type": "x"}, "undefined"),
    ],
)
def test_only_known_observations_are_taken(observation, status):
    assert validated(observation, set())["status"] == status
    assert "earned" not in validated(observation, set())


def test_errors_and_lines_of_its_own_making_are_not_repeated():
    said = {"status": "raised", "error": "<b>", "message": "m" * 999, "line": (3, "secret")}
    seen = validated(said, {"x = 1"})
    assert seen["error"] == "an error of its own" and seen["line"] is None
    assert len(seen["message"]) == 300
    assert validated(said | {"line": (3, "x = 1")}, {"x = 1"})["line"] == (3, "x = 1")
