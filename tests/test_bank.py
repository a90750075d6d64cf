"""The answer bank: each wrong answer fails with the right words, each right one passes."""

from collections import Counter
from random import Random

import pytest

from autograder.grade import RIGHT, grade
from autograder.question import find, questions
from autograder.report import as_html, as_text
from course.build import lessons
from tests.bank import Answer, answers

LABS = [lesson.stem.split("_")[0] for lesson in lessons()]
ALL = [answer for lab in LABS for answer in answers(lab)]


def label(answer: Answer) -> str:
    return f"{answer.question}-line{answer.line}"


def one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("answer", [a for a in ALL if a.right], ids=label)
def test_a_right_answer_passes_on_visible_and_hidden_cases(answer):
    question, loaded = find(answer.question), answer.load()
    assert as_text(grade(question, loaded)).startswith(f"{answer.question}: right")
    for seed in range(3):
        report = grade(question, loaded, Random(seed))
        assert report.outcome == RIGHT, as_text(report)
        assert report.earned == question.points


@pytest.mark.parametrize("answer", [a for a in ALL if not a.right], ids=label)
def test_a_wrong_answer_fails_with_words_that_name_its_mistake(answer):
    question, loaded = find(answer.question), answer.load()
    for seed in range(3):
        report = grade(question, loaded, Random(seed))
        assert report.outcome != RIGHT
        assert report.earned < question.points
        if answer.earns is not None:
            assert report.earned == pytest.approx(answer.earns), as_text(report)
        said = one_line(as_text(report))
        for words in answer.says:
            assert words in said, said
        as_html(report)


@pytest.mark.parametrize("lab", LABS)
def test_every_question_has_five_wrong_answers_and_two_right_ones(lab):
    wrong = Counter(a.question for a in answers(lab) if not a.right)
    right = Counter(a.question for a in answers(lab) if a.right)
    for name in questions(lab):
        assert wrong[name] >= 5, name
        assert right[name] >= 2, name


@pytest.mark.parametrize("lab", LABS)
def test_answers_of_one_question_are_all_different(lab):
    sources = Counter((a.question, a.source) for a in answers(lab))
    assert max(sources.values()) == 1
