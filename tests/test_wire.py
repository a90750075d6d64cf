"""Frames that anyone may have written: whatever comes in, reading it ends in a value or `ValueError`."""

import contextlib
import socket

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.engine import wire
from autograder.engine.judge import validated
from autograder.grade import RIGHT, judge
from autograder.hidden import hidden_cases
from autograder.observation import pack, unpack
from autograder.question import questions

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=4)
        | st.tuples(inner, inner)
    ),
    max_leaves=12,
)
observations = st.fixed_dictionaries(
    {"status": st.sampled_from(["returned", "raised", "not callable", "undefined", "x"]) | plain},
    optional={name: plain for name in ("value", "error", "message", "line", "type")},
)


@pytest.fixture
def ends():
    ends = socket.socketpair()
    yield ends
    for end in ends:
        end.close()


def test_a_value_arrives_as_it_was_sent(ends):
    wire.send(ends[0], {"x": [1, (2.5, None)], "t": torch.arange(3)})
    got = wire.receive(ends[1], 1)
    assert got["x"] == [1, (2.5, None)] and got["t"].tolist() == [0, 1, 2]


def test_silence_is_a_time_out_and_half_a_frame_the_end(ends):
    with pytest.raises(TimeoutError):
        wire.receive(ends[1], 0.01)
    ends[0].sendall((100).to_bytes(8, "big") + b"x")
    with pytest.raises(wire.Closed):
        wire.receive(ends[1], 0.05)


def test_a_frame_too_large_is_not_read(ends):
    ends[0].sendall((wire.MAX_BYTES + 1).to_bytes(8, "big"))
    with pytest.raises(wire.Closed):
        wire.receive(ends[1], 1)


def test_sending_to_someone_who_does_not_read_ends(ends):
    with pytest.raises(wire.Closed):
        wire.write(ends[0], bytes(20 << 20), seconds=0.1)


@QUICK
@given(value=plain, data=st.data())
def test_a_mutated_frame_is_a_value_or_a_value_error(value, data):
    frame = bytearray(pack({"status": "returned", "value": value, "t": torch.ones(2, 2)}))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(frame) - 1))
        match data.draw(st.sampled_from("scid")):
            case "s":
                frame[at] = data.draw(st.integers(0, 255))
            case "c":
                del frame[at + 1 :]
            case "i":
                frame[at:at] = data.draw(st.binary(max_size=20))
            case "d" if len(frame) > 1:
                del frame[at]
    try:
        seen = unpack(bytes(frame))
    except ValueError:
        return
    validated(seen, set())


@QUICK
@given(frame=st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_value_error(frame):
    with contextlib.suppress(ValueError):
        unpack(frame)


@pytest.mark.parametrize("question", questions("lab01").values(), ids=lambda q: q.name)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_judge_survives_any_observation_and_awards_nothing_for_it(question, data):
    from random import Random

    cases = question.visible_cases() + hidden_cases(question, Random(1))
    odd = data.draw(observations)
    # A bare value that no right answer could be, whatever stands in it.
    seen = validated(unpack(pack(odd | {"value": [odd.get("value"), "no answer"]})), {"x = 1"})
    report = judge(question, [(case, seen) for case in cases], with_hidden=True)
    assert report.outcome != RIGHT
    assert report.earned <= sum(
        points
        for aspect, points in question.aspects.items()
        if aspect in ("refusal", "empty batch")
    )
