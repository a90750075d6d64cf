"""What `check` says: outcomes, partial credit, messages, and how they are shown."""

import re
import sys
from dataclasses import replace
from random import Random

import numpy as np
import pytest
import torch

from autograder.check import Check, CheckFailed, Score
from autograder.compare import compare
from autograder.grade import NOT_ATTEMPTED, RAISED, RIGHT, WRONG, grade, judge, observe
from autograder.observation import Opaque, from_text, pack, tensor_facts, to_text, unpack
from autograder.question import Question, find, same
from autograder.report import as_html, as_text
from course.build import reference_namespace


@pytest.fixture(scope="module")
def lab01():
    return reference_namespace("lab01")


MERGE = "lab01.merge"


def stub(ids, pair, new_id):
    raise NotImplementedError()


def raising(ids, pair, new_id):
    return ids[99]


def unchanged(ids, pair, new_id):
    return list(ids)


def one_line(text: str) -> str:
    return " ".join(text.split())


# --- outcomes


def test_the_four_outcomes_are_told_apart(lab01):
    outcomes = [grade(find(MERGE), f).outcome for f in (stub, raising, unchanged, lab01["merge"])]
    assert outcomes == [NOT_ATTEMPTED, RAISED, WRONG, RIGHT]


def test_an_error_is_quoted_with_the_line_and_the_arguments_that_caused_it():
    said = one_line(as_text(grade(find(MERGE), raising)))
    assert "merge raised IndexError: list index out of range" in said
    assert "return ids[99]" in said
    assert "merge(ids=[1, 2, 3, 1, 2, 2], pair=(1, 2), new_id=300)" in said


def test_an_answer_that_exits_or_panics_only_raises():
    def leaves(ids, pair, new_id):
        raise SystemExit("bye")

    assert grade(find(MERGE), leaves).outcome == RAISED


def test_an_interrupt_still_interrupts():
    def interrupted(ids, pair, new_id):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade(find(MERGE), interrupted)


def test_a_forgotten_return_is_named():
    assert "Did you forget a return?" in as_text(grade(find(MERGE), lambda *_: None))


def test_a_result_in_place_of_the_function_is_named():
    said = as_text(grade(find(MERGE), [256, 97]))
    assert "check wants merge itself" in said and "a list came" in said


def test_partial_credit_is_exact(lab01):
    def in_place(ids, pair, new_id):
        ids[:] = lab01["merge"](ids, pair, new_id)
        return ids

    report = grade(find(MERGE), in_place, Random(0))
    assert report.earned == 1.5
    assert [(r.aspect, r.outcome, r.earned) for r in report.aspects] == [
        ("merging", RIGHT, 1),
        ("overlap", RIGHT, 0.5),
        ("input kept", WRONG, 0),
    ]


def test_an_aspect_that_doing_nothing_would_pass_waits_for_the_one_it_needs():
    report = grade(find(MERGE), unchanged)
    assert report.earned == 0
    assert "Counts once 'merging' is right." in as_text(report)


def test_hidden_cases_never_show_their_inputs():
    question = find(MERGE)
    cases = [
        replace(case, inputs=case.inputs | {"new_id": 777777}, hidden=True)
        for case in question.visible_cases()
    ]
    for answer in (raising, unchanged, lambda ids, pair, new_id: int(f"x{new_id}")):
        seen = [(case, observe(question, answer, case)) for case in cases]
        said = as_text(judge(question, seen, with_hidden=True))
        assert "777777" not in said and "got" not in said


def test_a_copy_without_hidden_cases_says_who_has_them(lab01, monkeypatch):
    monkeypatch.setitem(sys.modules, "autograder.hidden", None)
    with pytest.raises(CheckFailed, match="only instructors have them"):
        Check().hidden(MERGE, lab01["merge"])
    assert grade(find(MERGE), lab01["merge"]).outcome == RIGHT


# --- how it looks


def test_a_report_reads_well_as_text():
    said = as_text(grade(find(MERGE), unchanged))
    assert said.splitlines()[:5] == [
        "lab01.merge: wrong, 0 of 2 points",
        "  ✗ merging (0 of 1)",
        "      Nothing was merged. Is a list compared with a tuple somewhere? [1, 2] == (1,",
        "      2) is False.",
        "      two pairs, position 0: got [1, 2, 3, 1]…, expected [300, 3, 300, 2]",
    ]
    assert max(map(len, said.splitlines())) <= 87


def test_what_students_write_is_escaped_in_html():
    def evil(ids, pair, new_id):
        raise ValueError("<script>alert(1)</script>")

    shown = as_html(grade(find(MERGE), evil))
    assert "<script>" not in shown and "&lt;script&gt;" in shown


def test_a_wrong_matrix_gets_a_picture_of_its_difference(lab01):
    def right_only(sequences, pad_id, side="right"):
        return lab01["pad_batch"](sequences, pad_id)

    report = grade(find("lab01.pad_batch"), right_only)
    said = as_text(report)
    assert "first at [0, 0]: got 8, expected 3" in one_line(said)
    assert "x..x\n      ....\n      xxxx" in said
    assert as_html(report).count("✗</td>") >= 6


def test_hints_come_one_after_the_other_and_are_folded_in_html(capsys):
    check = Check()
    for stage in (1, 2, 3, 3):
        check.hint(MERGE)
        assert f"Hint {stage} of 3:" in capsys.readouterr().out


def test_a_misspelled_question_gets_the_nearest_name():
    with pytest.raises(CheckFailed, match=re.escape("Did you mean lab01.merge?")):
        Check()("lab01.mrege", stub)
    with pytest.raises(CheckFailed, match="question's name first"):
        Check()(stub, MERGE)


def test_the_score_is_a_number_to_nbgrader_and_a_report_to_people(lab01):
    score = Check().hidden(MERGE, lab01["merge"])
    assert isinstance(score, Score)
    assert float(repr(score)) == 2
    assert "right, 2 of 2 points" in score._repr_html_()


def test_validate_gets_the_report_as_an_error(monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    with pytest.raises(CheckFailed) as failed:
        Check()(MERGE, stub)
    assert failed.value._render_traceback_() == ["lab01.merge: not attempted yet (0 of 2 points)"]


# --- observations


@pytest.mark.parametrize(
    "value",
    [
        None, True, 7, 2**80, -1.5, "é中🙂\ud800\x00", b"\xff\x00", [1, [2]], (1, (2,)), {1, 2},
        {(1, 2): 3, "a": [None]}, torch.arange(6).reshape(2, 3), torch.zeros(0, 3),
        torch.linspace(-1, 1, 6).reshape(2, 3).bfloat16(), torch.tensor([True]), [torch.ones(2), torch.ones(3)],
    ],
)  # fmt: skip
def test_plain_data_comes_back_as_it_was(value):
    assert same(unpack(pack(value)), value)
    if not isinstance(value, bytes):
        assert same(from_text(to_text(value)), value)


def test_infinities_come_back_and_nan_is_still_nan():
    infinite, nan = unpack(pack([float("inf"), float("nan")]))
    assert infinite == float("inf") and nan != nan


def test_tensors_lose_their_graph_and_keep_their_values():
    weight = torch.ones(2, 3, requires_grad=True)
    arrived = unpack(pack((weight * 2).T))
    assert not arrived.requires_grad and torch.equal(arrived, torch.full((3, 2), 2.0))


@pytest.mark.parametrize("value", [np.zeros(3), object(), lambda: 0, iter([]), 1j, range(3)])
def test_everything_else_arrives_as_its_name(value):
    assert isinstance(unpack(pack([value]))[0], Opaque)


def test_an_object_whose_repr_raises_is_no_obstacle():
    class Hostile:
        def __repr__(self):
            raise RuntimeError

        def __eq__(self, other):
            return True

    assert "raised RuntimeError" in unpack(pack(Hostile())).text


def test_values_nested_too_deeply_are_cut():
    deep = []
    for _ in range(2000):
        deep = [deep]
    unpack(pack(deep))


@pytest.mark.parametrize(
    "frame", [b"", b"\0" * 8, b"\0" * 7 + b"\x02{}", pack([1])[:-3], b"x" * 50]
)
def test_a_broken_frame_is_refused(frame):
    with pytest.raises(ValueError):
        unpack(frame)


# --- comparing tensors


@pytest.mark.parametrize(
    ("value", "layer"),
    [
        ([1.0], "type"),
        (torch.ones(3, 2), "shape"),
        (torch.ones(2, 3).double(), "dtype"),
        (torch.full((2, 3), float("nan")), "NaN"),
        (torch.full((2, 3), 1.1), "value"),
    ],
)
def test_tensors_are_compared_in_layers(value, layer):
    assert compare(torch.ones(2, 3), tensor_facts(value)).layer == layer


def test_rounding_is_no_difference():
    assert compare(torch.ones(2, 3), tensor_facts(torch.ones(2, 3) + 1e-6)) is None
    assert compare(torch.ones(2, dtype=torch.long), tensor_facts(torch.tensor([1, 1]))) is None


def test_a_difference_says_where_it_begins():
    value = torch.ones(2, 3)
    value[1, 2] = 5
    difference = compare(torch.ones(2, 3), tensor_facts(value))
    assert difference.where == "first at [1, 2]: got 5.0, expected 1.0"
    assert difference.picture == [[True, True, True], [True, True, False]]


def test_a_scalar_has_no_place_to_name():
    difference = compare(torch.tensor(1.0), tensor_facts(torch.tensor(5.0)))
    assert difference.where == "got 5.0, expected 1.0"


def test_true_is_not_one_and_a_list_is_not_a_tuple():
    assert not same(True, 1) and not same([1], (1,)) and not same({1: 2}, {1: 2.0})
    assert same({(1, 2): [3]}, {(1, 2): [3]})


def test_a_question_without_its_parts_says_so():
    with pytest.raises(NotImplementedError):
        list(Question().cases())
