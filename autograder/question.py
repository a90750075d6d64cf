"""What a graded question is: cases, a probe that runs beside the answer, a verdict that judges."""

import copy
import importlib
import math
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import torch

from autograder.compare import compare, isclose
from autograder.observation import Opaque, from_text, tensor_facts, type_name

EXPECTED = Path(__file__).parent / "questions"
RAISES = Opaque("raises", "")  # in place of a value: here the mistake raises an error


@dataclass(frozen=True)
class Case:
    """One situation in which an answer is tried.

    `aspects` names what the case decides; `inputs` holds the arguments, by the parameters' names, as
    plain data. `expected`, which stays on the judge's side, holds what the oracle says: `right`,
    and by name what each known mistake would give. What a hidden case holds is never shown.
    """

    name: str
    aspects: tuple[str, ...]
    inputs: dict
    expected: dict | None = None
    hidden: bool = False


@dataclass(frozen=True)
class Finding:
    """A mistake that a verdict has found in one case.

    `message` names the mistake in the words of the lesson and holds nothing of the case's inputs;
    `detail` says where it shows, and is left out of the report on a hidden case, as is `picture`,
    rows of True (right) and False (wrong) for each entry of a matrix.
    """

    aspect: str
    message: str
    detail: str = ""
    picture: list[list[bool]] | None = field(default=None, compare=False)


class Question:
    """A graded question. Subclasses name themselves `labNN.function` and define three parts.

    `aspects` maps each aspect to its points; `needs` names, for an aspect that a do-nothing answer
    would pass, the aspect without which it earns nothing; `hints` are three, from a nudge to nearly
    there; `mistakes` maps the name of each known mistake to the sentence that explains it.
    """

    name: str
    aspects: dict[str, float]
    needs: dict[str, str] = {}
    hints: tuple[str, str, str]
    mistakes: dict[str, str] = {}

    def cases(self) -> Iterable[Case]:
        """The few small cases that students see; their `expected` comes from a stored file."""
        raise NotImplementedError

    def probe(self, answer, inputs: dict):
        """Calls the answer, beside the student's code, and returns what it did as plain data."""
        return answer(*copy.deepcopy(list(inputs.values())))

    def verdict(self, case: Case, seen) -> Iterator[Finding]:
        """Judges what `probe` returned, where student code cannot reach."""
        raise NotImplementedError

    @property
    def points(self) -> float:
        return sum(self.aspects.values())

    @property
    def answer_name(self) -> str:
        """What students call their answer: `merge` for `lab01.merge`."""
        return self.name.split(".", 1)[1]

    def visible_cases(self) -> list[Case]:
        stored = stored_answers(self.name.split(".")[0]).get(self.name, {})
        return [replace(case, expected=stored.get(case.name)) for case in self.cases()]

    def comparable(self, case: Case, seen):
        """The part of what `probe` returned that known mistakes are compared with."""
        return seen

    def known_mistake(self, case: Case, seen, aspect: str) -> Finding | None:
        """The finding for the known mistake that would give exactly what was seen, if there is one.

        Where several would, it is the one that explains most of the answer's other results; none is
        named that the other results contradict as often as they bear it out.
        """
        mistakes = [name for name, value in case.expected["mistakes"].items() if same(seen, value)]
        if not mistakes:
            return None
        explains = case.expected.get("explains", {})
        mistake = max(mistakes, key=lambda name: explains.get(name, 1))
        if explains.get(mistake, 1) <= 0:
            return None
        return Finding(aspect, self.mistakes[mistake], difference(seen, case))

    def explains(self, seen: Iterable[tuple[Case, dict]]) -> dict[str, float]:
        """How well each known mistake explains all that an answer did.

        A case counts 1 where the answer did just what the mistake would do, and -1 where the
        mistake would show and the answer was wrong in another way. Where it was right, though the
        mistake would show, that decides only between equals: a mistake may have milder forms. A
        case in which the answer raised an error counts only for mistakes that raise one too.
        """
        scores = dict.fromkeys(self.mistakes, 0.0)
        for case, observation in seen:
            if case.expected is None:
                continue
            returned = observation["status"] == "returned"
            did = self.comparable(case, observation["value"]) if returned else RAISES
            for name, value in case.expected["mistakes"].items():
                if same(did, value):
                    scores[name] += 1
                elif returned:
                    scores[name] -= 0.01 if same(did, case.expected["right"]) else 1
        return scores

    def of_type(self, kind: type, case: Case, seen) -> Iterator[Finding]:
        """A finding for each aspect of the case where the answer did not return a `kind`."""
        if type(seen) is not kind:
            found, wanted = with_article(kind_of(seen)), with_article(kind.__name__)
            for aspect in case.aspects:
                yield Finding(aspect, f"{self.answer_name} returned {found}, expected {wanted}.")

    def equal_to_right(self, case: Case, seen, message: str) -> Iterator[Finding]:
        """Nothing where `seen` is right, else the known mistake that explains it, else `message`."""
        if not same(seen, case.expected["right"]):
            aspect = case.aspects[0]
            yield self.known_mistake(case, seen, aspect) or Finding(
                aspect, message, difference(seen, case)
            )

    def tensor_findings(
        self, case: Case, facts: dict, right: torch.Tensor, what: str = "", known=None
    ) -> Iterator[Finding]:
        """Nothing where `tensor_facts` saw the right tensor, else one finding that says what differs.

        The known mistake that explains `known`, or else what `comparable` makes of the value, is
        named before the plain difference is.
        """
        differs = compare(right, facts, what or "the result")
        if differs:
            aspect = case.aspects[0]
            value = facts["value"] if known is None else known
            mistake = self.known_mistake(case, value, aspect) if case.expected else None
            message = mistake.message if mistake else f"{differs.message}."
            detail = f"{case.name}: {differs.message}{differs.where and ', ' + differs.where}"
            yield Finding(aspect, message, detail, differs.picture)

    def misfit(self, case: Case, seen: dict, weights: dict[str, torch.Tensor]) -> Iterator[Finding]:
        """A finding for each aspect where `fill` could not put `weights` in; `seen` is its result."""
        name = seen["parameter"] if seen["parameter"] in weights else next(iter(weights))
        wanted, shape = tuple(weights[name].shape), seen["shape"]
        if shape is None:
            message = f"{self.answer_name} has no parameter named {name}, of shape {wanted}."
        else:
            message = f"The parameter {name} has shape {shape}, expected {wanted}."
        for aspect in case.aspects:
            yield Finding(aspect, message)


class TensorQuestion(Question):
    """A question whose answer is a function that returns one tensor."""

    def probe(self, answer, inputs: dict):
        result = super().probe(answer, inputs)
        return None if result is None else tensor_facts(result)

    def comparable(self, case: Case, seen):
        return seen["value"]

    def verdict(self, case: Case, seen) -> Iterator[Finding]:
        yield from self.tensor_findings(case, seen, case.expected["right"])


def kind_of(value) -> str:
    """The type of a value as a student would write it, also where only its trace has arrived."""
    return value.type if isinstance(value, Opaque) else type_name(value)


def with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiouAEIOU' else 'a'} {noun}"


def same(seen, expected) -> bool:
    """Equality of plain data in which `True` is not `1` and a list is not a tuple.

    Floats agree within the tolerances of `autograder.compare`, and NaN agrees with NaN.
    """
    if type(seen) is not type(expected):
        return False
    if isinstance(seen, (list, tuple)):
        return len(seen) == len(expected) and all(map(same, seen, expected))
    if isinstance(seen, dict):
        return seen.keys() == expected.keys() and all(same(seen[k], expected[k]) for k in seen)
    if isinstance(seen, torch.Tensor):
        alike = seen.dtype == expected.dtype and seen.shape == expected.shape
        return alike and bool(isclose(seen, expected).all())
    if isinstance(seen, float):
        if math.isnan(seen) or math.isnan(expected):
            return math.isnan(seen) and math.isnan(expected)
        return math.isclose(seen, expected, rel_tol=1e-6, abs_tol=1e-9)
    return bool(seen == expected)


def difference(seen, case: Case) -> str:
    """Two or three lines for a visible case: its name, where two results part, and both there."""
    right = case.expected["right"]
    if isinstance(seen, (str, list)) and type(seen) is type(right):
        i = next((i for i, (a, b) in enumerate(zip(seen, right)) if not same(a, b)), None)
        if i is None:
            i = min(len(seen), len(right))
        what = "character" if isinstance(seen, str) else "position"
        return f"{case.name}, {what} {i}: got {_from(seen, i)}, expected {_from(right, i)}"
    return f"{case.name}: got {shorten(seen)}, expected {shorten(right)}"


def shorten(value, width: int = 70) -> str:
    """The repr of a value, cut in the middle where it is long."""
    text = repr(value)
    return text if len(text) <= width else text[: width - 21] + " … " + text[-18:]


def _from(values: str | list, i: int) -> str:
    """What stands from index i on: a few characters or items, or `the end`."""
    if i >= len(values):
        return "the end"
    part = values[i : i + 12] if isinstance(values, str) else values[i : i + 4]
    return repr(part) + ("…" if i + len(part) < len(values) else "")


@cache
def stored_answers(lab: str) -> dict:
    """What the oracles say of a lab's visible cases: by question, by case."""
    path = EXPECTED / f"{lab}.expected.jsonl"
    answers: dict[str, dict] = {}
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            question, case, value = from_text(line)
            answers.setdefault(question, {})[case] = value
    return answers


class UnknownQuestion(Exception):
    """A check was asked for by a name that no question has."""


def questions(lab: str) -> dict[str, Question]:
    """The questions of a lab (`lab01`) by name, in the order of the lab."""
    module = importlib.import_module(f"autograder.questions.{lab}")
    kinds = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Question) and hasattr(kind, "name")
    ]
    return {kind.name: kind() for kind in kinds}


def find(name: str) -> Question:
    """The question of that name. Raises `UnknownQuestion` with the nearest names there are."""
    if not isinstance(name, str):
        raise UnknownQuestion(
            f"check wants the question's name first, as text, then your answer; it got {name!r:.60}."
        )
    lab = name.split(".")[0]
    known = {}
    if re.fullmatch(r"lab\d\d", lab):
        with suppress(ModuleNotFoundError):
            known = questions(lab)
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1) or list(known)[:3]
    advice = f" Did you mean {' or '.join(near)}?" if near else ""
    raise UnknownQuestion(f"There is no question named {name!r}.{advice}")
