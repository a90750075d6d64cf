"""Hidden cases and oracles, one module a lab: what only instructors have.

`python -m autograder.hidden` writes what the oracles say of the visible cases, so that students'
copies can judge those without holding a solution.
"""

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from random import Random

from autograder.probing import one_thread
from autograder.question import RAISES, Case, Question, same


@dataclass(frozen=True)
class Oracle:
    """What is right for a question, what its known mistakes would give, and hidden cases for it.

    `right` and each of `mistakes` take a case's inputs in order; `cases` takes a `random.Random`.
    A question whose verdict asks a library instead has no `right`.
    """

    cases: Callable[[Random], Iterable[Case]]
    right: Callable | None = None
    mistakes: dict[str, Callable] = field(default_factory=dict)


def oracle(question: Question) -> Oracle:
    lab = question.name.split(".")[0]
    return importlib.import_module(f"autograder.hidden.{lab}").ORACLES[question.answer_name]


def hidden_cases(question: Question, rng: Random) -> list[Case]:
    """The question's hidden cases with what is expected of each."""
    return [
        replace(case, expected=expected(question, case), hidden=True)
        for case in oracle(question).cases(rng)
    ]


def expected(question: Question, case: Case) -> dict | None:
    """`{"right": …, "mistakes": {name: …}}` for a case, without mistakes that do not show in it."""
    source = oracle(question)
    if source.right is None:
        return None
    with one_thread():
        return _expected(source, list(case.inputs.values()))


def _expected(source: Oracle, inputs: list) -> dict:
    right = source.right(*inputs)
    mistakes = {}
    for name, mistaken in source.mistakes.items():
        try:
            value = mistaken(*inputs)
        except Exception:
            value = RAISES
        if not same(value, right):
            mistakes[name] = value
    return {"right": right, "mistakes": mistakes}
