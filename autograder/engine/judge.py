"""The judge: a process of its own that asks a kernel about its answers and decides what they earn.

It holds the hidden cases and the oracles. The kernel gets inputs, one case at a time, and returns
observations; what it sends is data, and whatever is no observation earns nothing.
"""

import builtins
import secrets
import socket
import time
from random import Random

from autograder import hidden
from autograder.engine import wire
from autograder.grade import (
    NOT_ATTEMPTED,
    NOT_CALLABLE,
    RAISED,
    RIGHT,
    SILENT,
    TOO_LONG,
    UNDEFINED,
    UNREADABLE,
    judge,
)
from autograder.observation import unpack
from autograder.question import Case, Question, find
from autograder.report import as_html, as_text

GRACE = 3.0  # seconds in which a call that was interrupted must end
PATIENCE = 2  # calls of one question that may take too long before the rest are not asked
TELL_EVERY = 1.0  # seconds after which the judge says that it goes on to another case


def serve(kernel: socket.socket, control: socket.socket) -> None:
    """Examines one question after another, as `control` orders, until that closes."""
    asked: dict[str, Examination] = {}
    while True:
        try:
            order = wire.receive(control)
        except wire.Closed:
            return
        name, part = order["question"], order.pop("part")
        if part == "visible":
            asked[name] = Examination(kernel, control, **order)
            wire.send(control, asked[name].ask_visible())
        else:
            wire.send(control, asked[name].ask_hidden())


class Examination:
    """One question put to a kernel. `lines` are the lines of code that the student wrote.

    A kernel is asked the visible cases of all questions before the first hidden one, as reports
    show what was returned for those.
    """

    def __init__(self, kernel, control, question: str, seed: str, seconds: float, lines: set):
        self._kernel, self._control = kernel, control
        self._question, self._seed, self._seconds = find(question), seed, seconds
        self._lines = lines
        self._too_long = 0
        self._alive = True
        self._took = 0.0
        self._seen: list[tuple[Case, dict]] = []

    def ask_visible(self) -> dict:
        """Whether the kernel still answers; where not, also the entry for the ledger."""
        self._ask_all(self._question.visible_cases())
        return {"alive": True} if self._alive else self.ask_hidden()

    def ask_hidden(self) -> dict:
        """The entry for the ledger, and whether the kernel still answers."""
        self._ask_all(hidden.hidden_cases(self._question, Random(self._seed)))
        try:
            return self._entry(self._seen)
        except Exception:  # what no verdict can read earns nothing, and other questions go on
            return self._entry([(case, {"status": UNREADABLE}) for case, _ in self._seen])

    def _ask_all(self, cases: list[Case]) -> None:
        started = told = time.monotonic()
        for case in cases:
            self._seen.append((case, self._ask(case)))
            if time.monotonic() - told > TELL_EVERY:
                wire.send(self._control, {"goes on": True})
                told = time.monotonic()
        if self._alive:
            self._tell({"ticket": None})
        self._took += time.monotonic() - started

    def _entry(self, seen: list[tuple[Case, dict]]) -> dict:
        report = judge(self._question, seen, with_hidden=True)
        ended = {observation["status"] for _, observation in seen}
        return {
            "alive": self._alive,
            "question": self._question.name,
            "earned": report.earned,
            "points": report.points,
            "outcome": report.outcome,
            "ended": next((s for s in (SILENT, TOO_LONG, UNREADABLE) if s in ended), "answered"),
            "seconds": self._took,
            "aspects": [
                {
                    "aspect": result.aspect,
                    "outcome": result.outcome,
                    "earned": result.earned,
                    "points": result.points,
                    "message": result.finding.message if result.finding else "",
                    "diagnosis": _diagnosis(self._question, result),
                }
                for result in report.aspects
            ],
            "text": as_text(report),
            "html": as_html(report),
        }

    def _ask(self, case: Case) -> dict:
        if not self._alive:
            return {"status": SILENT}
        if self._too_long >= PATIENCE:
            return {"status": TOO_LONG}
        ticket = secrets.token_hex(8)  # so that no earlier or forged frame is taken for this one
        self._tell({"ticket": ticket, "inputs": case.inputs})
        try:
            return self._answer(ticket, self._seconds)
        except TimeoutError:
            self._too_long += 1
            wire.send(self._control, {"interrupt": True})
        try:
            self._answer(ticket, GRACE)
        except TimeoutError:
            self._alive = False
        return {"status": TOO_LONG}

    def _answer(self, ticket: str, seconds: float) -> dict:
        """The observation of the case with that ticket. Raises `TimeoutError`."""
        deadline = time.monotonic() + seconds
        while self._alive:
            left = deadline - time.monotonic()
            if left <= 0:  # however much there is to read
                raise TimeoutError
            try:
                frame = wire.read(self._kernel, left)
            except wire.Closed:
                self._alive = False
                break
            if not frame.startswith(ticket.encode()):  # told apart before anything in it is read
                continue
            try:
                return validated(unpack(frame[len(ticket) :]), self._lines)
            except ValueError:
                return {"status": UNREADABLE}
        return {"status": SILENT}

    def _tell(self, message: dict) -> None:
        try:
            message = {"question": self._question.name} | message
            wire.send(self._kernel, message, self._seconds + GRACE)
        except wire.Closed:
            self._alive = False


def validated(observation, lines: set[str]) -> dict:
    """The observation with no field that a kernel could fill with what it likes.

    An error's name must be one of Python's own, and the line that raised one of the student's.
    """
    if not isinstance(observation, dict):
        return {"status": UNREADABLE}
    match observation.get("status"):
        case "returned" if "value" in observation:
            return {"status": "returned", "value": observation["value"]}
        case status if status in (NOT_ATTEMPTED, UNDEFINED, TOO_LONG):
            return {"status": status}
        case status if status == NOT_CALLABLE:
            kind = observation.get("type")
            return {"status": status, "type": kind if _is_builtin(kind, type) else "value"}
        case status if status == RAISED:
            name, line = observation.get("error"), observation.get("line")
            return {
                "status": RAISED,
                "error": name if _is_builtin(name, BaseException) else "an error of its own",
                "message": str(observation.get("message", ""))[:300],
                "line": line if _is_own(line, lines) else None,
            }
        case _:
            return {"status": UNREADABLE}


def _is_builtin(name, kind: type) -> bool:
    found = getattr(builtins, name, None) if isinstance(name, str) else None
    return isinstance(found, type) and issubclass(found, kind if kind is not type else object)


def _is_own(line, lines: set[str]) -> bool:
    match line:
        case (int(number), str(text)):
            return type(number) is int and 0 < number < 1000 and text in lines
    return False


def _diagnosis(question: Question, result) -> str:
    """The name of the known mistake that the finding explains, or an empty string."""
    if result.outcome == RIGHT or not result.finding:
        return ""
    names = (name for name, text in question.mistakes.items() if text == result.finding.message)
    return next(names, "")
