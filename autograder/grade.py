"""Puts an answer through its question's cases: observe beside the answer, then judge."""

import importlib
import linecache
import re
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random

from autograder.observation import Opaque, pack, type_name, unpack
from autograder.question import Case, Finding, Question

NOT_ATTEMPTED, RAISED, WRONG, RIGHT = "not attempted", "raised", "wrong", "right"

# How an observation may end beside returning, raising and not being attempted.
UNDEFINED = "undefined"  # nothing has the answer's name
NOT_CALLABLE = "not callable"
TOO_LONG = "too long"  # the call was stopped
SILENT = "silent"  # the kernel ended, or did not answer
UNREADABLE = "unreadable"  # no plain data within the limits

# Names that a report on a hidden case may repeat from an observation.
# They are few: an answer that picks one by its inputs tells hardly more than that it is wrong.
KNOWN_NAMES = {
    "int", "float", "bool", "str", "bytes", "list", "tuple", "dict", "set", "NoneType", "function",
    "generator", "torch.Tensor", "numpy.ndarray", "torch.float32", "torch.float64", "torch.float16",
    "torch.bfloat16", "torch.int64", "torch.int32", "torch.bool", "cpu", "cuda", "meta",
}  # fmt: skip
COMMON_ERRORS = {
    "AssertionError", "AttributeError", "IndexError", "KeyError", "NameError", "RecursionError",
    "RuntimeError", "TypeError", "UnboundLocalError", "UnicodeDecodeError", "ValueError",
    "ZeroDivisionError",
}  # fmt: skip


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
    if not callable(answer):
        return {"status": NOT_CALLABLE, "type": type_name(answer)}
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
            "line": _line_of(error, answer),
        }


def judge(question: Question, seen: Iterable[tuple[Case, dict]], with_hidden: bool) -> Report:
    """The report that the observations of all cases deserve."""
    seen = list(seen)
    try:
        explains = question.explains(seen)
    except Exception:  # as in `_verdict`
        explains = {}
    ended: dict[str, tuple[str, Finding | None]] = {}
    for case, observation in seen:
        if case.expected is not None:
            case = replace(case, expected=case.expected | {"explains": explains})
        for outcome, finding in _findings(question, case, observation):
            ended.setdefault(finding.aspect, (outcome, finding))
    not_yet = (NOT_ATTEMPTED, UNDEFINED)
    if seen and all(observation["status"] in not_yet for _, observation in seen):
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
    return Report(question.name, tuple(results), with_hidden)


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
    status, name = observation["status"], question.answer_name
    if status == "returned" and observation["value"] is not None:
        for finding in _verdict(question, case, observation["value"]):
            if case.hidden:
                finding = _without_inputs(question, finding, observation["value"])
            yield WRONG, finding
        return
    detail = "" if case.hidden else f"The call: {name}({shown(case.inputs)})"
    outcome = RAISED if status in (RAISED, TOO_LONG, SILENT) else WRONG
    match status:
        case "returned":
            message, detail = f"{name} returned None. Did you forget a return?", ""
        case "not attempted":
            message = f"{name} still raises NotImplementedError here."
        case "undefined":
            message, detail = f"{name} is not defined when its check runs.", ""
        case "not callable":
            message, detail = _not_callable(question, observation["type"]), ""
        case "too long":
            message = f"{name} took too long here and was stopped. Does a loop never end?"
        case "silent":
            message = f"The kernel ended, or gave no answer, while {name} ran."
        case "raised":
            said = observation["message"]
            said = f": {said}" if said and not case.hidden else ""
            error, where = observation["error"], _where(observation["line"])
            if case.hidden:  # which error it is, and where, could be chosen by the inputs
                error, where = error if error in COMMON_ERRORS else "an error", ""
            message = f"{name} raised {error}{said}{where}."
        case _:
            message = _unreadable(question)
    for aspect in case.aspects:
        yield outcome, Finding(aspect, message, detail)


def _without_inputs(question: Question, finding: Finding, seen) -> Finding:
    """The finding of a hidden case with nothing left in it that could tell the case's inputs.

    What a verdict says by heart stays; elsewhere numbers, quotations and names, which may come from
    what the answer returned and so from its inputs, become `…`.
    """
    message = finding.message
    if message not in question.mistakes.values():
        for text in sorted(_texts(seen) - KNOWN_NAMES, key=len, reverse=True):
            if len(text) > 1:
                message = message.replace(text, "…")
        message = re.sub(r"\d+(\.\d+)?(e[+-]?\d+)?", "…", message)
        message = re.sub(r"(?<!\w)'[^']*'|\"[^\"]*\"", "…", message)
    return Finding(finding.aspect, message)


def _texts(value) -> set[str]:
    """All strings in plain data, and the type names of what was none."""
    match value:
        case str():
            return {value}
        case Opaque():
            return {value.type, value.text}
        case dict():
            return set().union(*map(_texts, value.keys()), *map(_texts, value.values()))
        case list() | tuple() | set():
            return set().union(*map(_texts, value))
        case _:
            return set()


def _verdict(question: Question, case: Case, seen) -> list[Finding]:
    try:
        return list(question.verdict(case, seen))
    except Exception:  # an answer can return what no verdict has foreseen, and that is not right
        return [Finding(aspect, _unreadable(question)) for aspect in case.aspects]


def _unreadable(question: Question) -> str:
    return f"{question.answer_name} returned something that this check cannot read."


def _line_of(error: BaseException, answer) -> tuple[int, str] | None:
    """The number and text of the last line of the student's own that raised, if it can be told."""
    code = getattr(answer, "__code__", None) or getattr(
        getattr(answer, "__init__", None), "__code__", None
    )
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if code and frame.filename == code.co_filename]
    if not own or not linecache.getline(own[-1].filename, own[-1].lineno).strip():
        return None
    return own[-1].lineno, own[-1].line


def _where(line: tuple[int, str] | None) -> str:
    return f" (line {line[0]} of its cell: {line[1]})" if line else ""


def _not_callable(question: Question, kind: str) -> str:
    name = question.answer_name
    return (
        f"check wants {name} itself, not what it returns (a {kind} came): "
        f'write check("{question.name}", {name}), with no brackets after {name}.'
    )
