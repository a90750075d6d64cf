"""Puts an answer through its question's cases: observe beside the answer, then judge."""

import importlib
import linecache
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random

from autograder.observation import pack, type_name, unpack
from autograder.question import Case, Finding, Question

NOT_ATTEMPTED, RAISED, WRONG, RIGHT = "not attempted", "raised", "wrong", "right"


class NoHiddenCases(Exception):
    """Hidden cases were asked for where there are none."""


@dataclass(frozen=True)
class AspectResult:
    """How one aspect ended: an outcome, its points, and the first finding that decided it."""

    aspect: str
    outcome: str
    earned: float
    points: float
    finding: Finding | None = None


@dataclass(frozen=True)
class Report:
    """What a check says of an answer."""

    question: str
    aspects: tuple[AspectResult, ...]
    n_cases: int
    with_hidden: bool

    @property
    def earned(self) -> float:
        return sum(result.earned for result in self.aspects)

    @property
    def points(self) -> float:
        return sum(result.points for result in self.aspects)

    @property
    def outcome(self) -> str:
        """The worst outcome of the aspects, in the order not attempted, raised, wrong, right."""
        outcomes = {result.outcome for result in self.aspects}
        return next(o for o in (NOT_ATTEMPTED, RAISED, WRONG, RIGHT) if o in outcomes)


def grade(question: Question, answer, rng: Random | None = None) -> Report:
    """The report on an answer: on the visible cases, and with `rng` on the hidden ones too.

    Raises `NoHiddenCases` where `rng` is given and this copy of the course has none.
    """
    cases = question.visible_cases()
    if rng is not None:
        cases += _hidden_cases(question, rng)
    if not callable(answer):
        return _all_wrong(question, _not_callable(question, answer), len(cases), rng is not None)
    seen = [(case, _travelled(observe(question, answer, case))) for case in cases]
    return judge(question, seen, with_hidden=rng is not None)


def _hidden_cases(question: Question, rng: Random) -> list[Case]:
    """Fresh cases for grading. Raises `NoHiddenCases` in a student's copy, which lacks them."""
    try:
        hidden = importlib.import_module("autograder.hidden")
    except ModuleNotFoundError as error:
        raise NoHiddenCases(
            "This copy of the course has no hidden cases: only instructors have them."
        ) from error
    return hidden.hidden_cases(question, rng)


def observe(question: Question, answer, case: Case) -> dict:
    """Runs the probe on one case. Returns the status, and the value or the error, as plain data."""
    try:
        return {"status": "returned", "value": question.probe(answer, case.inputs)}
    except NotImplementedError:
        return {"status": NOT_ATTEMPTED}
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # tiktoken's Rust panics are no Exceptions, nor is exit()
        return {
            "status": RAISED,
            "error": type(error).__name__,
            "message": str(error)[:300],
            "where": _line_of(error, answer),
        }


def judge(question: Question, seen: Iterable[tuple[Case, dict]], with_hidden: bool) -> Report:
    """The report that the observations of all cases deserve."""
    seen = list(seen)
    explains = question.explains(seen)
    ended: dict[str, tuple[str, Finding | None]] = {}
    for case, observation in seen:
        if case.expected is not None:
            case = replace(case, expected=case.expected | {"explains": explains})
        for outcome, finding in _findings(question, case, observation):
            ended.setdefault(finding.aspect, (outcome, finding))
    if seen and all(observation["status"] == NOT_ATTEMPTED for _, observation in seen):
        ended = {aspect: (NOT_ATTEMPTED, None) for aspect in question.aspects}
    for aspect, needed in question.needs.items():
        if needed in ended and aspect not in ended:
            message = f"Counts once {needed!r} is right."
            ended[aspect] = (ended[needed][0], Finding(aspect, message))
    results = []
    for aspect, points in question.aspects.items():
        outcome, finding = ended.get(aspect, (RIGHT, None))
        earned = points if outcome == RIGHT else 0.0
        results.append(AspectResult(aspect, outcome, earned, points, finding))
    return Report(question.name, tuple(results), len(seen), with_hidden)


def shown(arguments: dict, width: int = 160) -> str:
    """`ids=[1, 1], pair=(1, 1)`: arguments as a student would write them, long ones cut."""
    parts = []
    for name, value in arguments.items():
        text = repr(value)
        if len(text) > 60:
            text = text[:50] + "…" + text[-8:]
        parts.append(f"{name}={text}")
    line = ", ".join(parts)
    return line if len(line) <= width else line[: width - 1] + "…"


def _travelled(observation: dict) -> dict:
    """The observation as it arrives in another process, so that verdicts never see more than that."""
    return unpack(pack(observation))


def _findings(question, case, observation) -> Iterable[tuple[str, Finding]]:
    status = observation["status"]
    if status == "returned" and observation["value"] is None:
        message = f"{question.answer_name} returned None. Did you forget a return?"
        for aspect in case.aspects:
            yield WRONG, Finding(aspect, message)
        return
    if status == "returned":
        for finding in _verdict(question, case, observation["value"]):
            yield WRONG, replace(finding, detail="", picture=None) if case.hidden else finding
        return
    name = question.answer_name
    if status == NOT_ATTEMPTED:
        message = f"{name} still raises NotImplementedError here."
    else:
        said = f": {observation['message']}" if observation["message"] and not case.hidden else ""
        message = f"{name} raised {observation['error']}{said}{observation['where']}."
    detail = "" if case.hidden else f"The call: {name}({shown(case.inputs)})"
    for aspect in case.aspects:
        yield RAISED if status == RAISED else WRONG, Finding(aspect, message, detail)


def _verdict(question: Question, case: Case, seen) -> list[Finding]:
    try:
        return list(question.verdict(case, seen))
    except Exception:  # an answer can return what no verdict has foreseen, and that is not right
        message = f"{question.answer_name} returned something that this check cannot read."
        return [Finding(aspect, message) for aspect in case.aspects]


def _line_of(error: Exception, answer) -> str:
    """` (line 3 of your code: x = ids[9])`: the last line of the student's own that raised."""
    code = getattr(answer, "__code__", None) or getattr(
        getattr(answer, "__init__", None), "__code__", None
    )
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if code and frame.filename == code.co_filename]
    if not own or not linecache.getline(own[-1].filename, own[-1].lineno).strip():
        return ""
    return f" (line {own[-1].lineno} of its cell: {own[-1].line})"


def _not_callable(question: Question, answer) -> str:
    name = question.answer_name
    return (
        f"check wants {name} itself, not what it returns (a {type_name(answer)} came): "
        f'write check("{question.name}", {name}), with no brackets after {name}.'
    )


def _all_wrong(question: Question, message: str, n_cases: int, with_hidden: bool) -> Report:
    results = tuple(
        AspectResult(aspect, WRONG, 0.0, points, Finding(aspect, message))
        for aspect, points in question.aspects.items()
    )
    return Report(question.name, results, n_cases, with_hidden)
