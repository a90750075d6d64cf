"""Every question of every lab, as data: points, hints, oracles, observations that travel."""

from random import Random

import pytest
import torch

from autograder.grade import RIGHT, grade, observe
from autograder.hidden import expected, hidden_cases, oracle
from autograder.hidden.__main__ import says_the_same, stored_text
from autograder.observation import pack, unpack
from autograder.question import EXPECTED, find, questions, same
from autograder.report import as_html, as_text
from course.build import lessons, reference_namespace

LABS = [lesson.stem.split("_")[0] for lesson in lessons()]
QUESTIONS = [question for lab in LABS for question in questions(lab).values()]


@pytest.fixture(params=QUESTIONS, ids=lambda question: question.name)
def question(request):
    return request.param


def all_cases(question):
    return [*question.visible_cases(), *hidden_cases(question, Random(5))]


@pytest.mark.parametrize("lab", LABS)
def test_a_lab_has_20_points(lab):
    assert sum(question.points for question in questions(lab).values()) == 20


def test_the_cases_decide_each_aspect_and_no_other(question):
    decided = {aspect for case in question.visible_cases() for aspect in case.aspects}
    assert decided == set(question.aspects)
    assert {a for case in all_cases(question) for a in case.aspects} <= set(question.aspects)
    assert {*question.needs, *question.needs.values()} <= set(question.aspects)


def test_cases_have_names_of_their_own(question):
    names = [case.name for case in all_cases(question)]
    assert len(names) == len(set(names))


def test_there_are_three_hints(question):
    assert len(question.hints) == 3
    assert all(len(hint) > 20 for hint in question.hints)


def test_each_known_mistake_has_its_words_and_shows_in_some_case(question):
    assert set(oracle(question).mistakes) == set(question.mistakes)
    shown = {
        name
        for seed in range(3)
        for case in [*question.visible_cases(), *hidden_cases(question, Random(seed))]
        if case.expected
        for name in case.expected["mistakes"]
    }
    assert shown == set(question.mistakes)


def test_observations_and_inputs_survive_the_journey_to_another_process(question):
    answer = reference_namespace(question.name.split(".")[0])[question.answer_name]
    for case in all_cases(question):
        observation = observe(question, answer, case)
        assert observation["status"] == "returned"
        arrived = unpack(pack(observation))
        assert same(arrived, unpack(pack(arrived)))
        assert list(question.verdict(case, arrived["value"])) == []
        assert same(unpack(pack(case.inputs)), case.inputs)


def test_the_same_seed_draws_the_same_hidden_cases(question):
    assert repr(hidden_cases(question, Random(3))) == repr(hidden_cases(question, Random(3)))


@pytest.mark.parametrize("lab", LABS)
def test_the_stored_expectations_are_what_the_oracles_say(lab):
    stored = (EXPECTED / f"{lab}.expected.jsonl").read_text(encoding="utf-8")
    assert says_the_same(stored, stored_text(lab)), "run make notebooks"


def test_stored_expectations_are_used_for_the_visible_cases(question):
    for case in question.visible_cases():
        assert same(case.expected, expected(question, case))


@pytest.mark.parametrize("trivial", [lambda *_, **__: None, lambda *a, **k: a[0] if a else None])
def test_doing_nothing_earns_nothing_that_needs_something(question, trivial):
    report = grade(question, trivial, Random(1))
    assert report.earned <= question.points / 4


STRANGE = [
    0, -1, 1.5, True, "", "text", b"bytes", [], [[]], [None], ["a"], [0.5], {}, {"a": 1}, {1: [2]},
    {(1, 2): "x"}, {None: None}, (), (1,), (None, None), ([], []), set(), {1, 2}, object(), range(3),
    iter([1]), type, NotImplemented, float("nan"), 10**30, "\ud800", torch.tensor(1.0),
    torch.zeros(2, 3), torch.full((2, 2), float("nan")), (torch.zeros(2), torch.zeros(2, 3)),
    (torch.zeros(0), "x"), [torch.ones(2)], {"input_ids": 1}, {"plain": None}, {"n_tokens": [1]},
]  # fmt: skip


@pytest.mark.parametrize("value", STRANGE, ids=lambda value: type(value).__name__)
def test_whatever_an_answer_returns_the_check_has_a_sentence_for_it(question, value):
    report = grade(question, lambda *_, **__: value, Random(1))
    assert report.outcome != RIGHT
    assert "cannot read" not in as_text(report)
    as_html(report)


def test_a_verdict_that_stumbles_is_a_wrong_answer_and_no_error():
    class Stumbling(type(find("lab01.merge"))):
        def verdict(self, case, seen):
            raise KeyError("seen")

    report = grade(Stumbling(), lambda *_: [], Random(1))
    assert report.earned == 0 and "cannot read" in as_text(report)
