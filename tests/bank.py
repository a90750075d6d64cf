"""The answer bank: answers that students write, right and wrong, for every question.

A module `tests/answers/labNN.py` holds them as plain functions, in the order of the lab:

    @wrong("lab01.merge", says="used again")
    def merge(ids, pair, new_id): ...

    @right("lab01.merge", way="a stack")
    def merge(ids, pair, new_id): ...

Each runs with the names of the lab's reference solution around it, as it would in the notebook. Its
text is taken from the file, so it can also be put into a notebook.
"""

import ast
import importlib
import linecache
import sys
from dataclasses import dataclass
from functools import cache

from course.build import reference_namespace


@dataclass(frozen=True)
class Answer:
    """One answer: its text, and what the check must say of it.

    `says` lists words that the message must contain (empty for a right answer); `earns` is the
    points it earns with hidden cases, where that is worth fixing.
    """

    question: str
    source: str
    right: bool
    says: tuple[str, ...] = ()
    earns: float | None = None
    line: int = 0

    @property
    def lab(self) -> str:
        return self.question.split(".")[0]

    @property
    def name(self) -> str:
        return self.question.split(".")[1]

    def load(self):
        """The answer as an object, with the reference solution's names around it."""
        namespace = dict(reference_namespace(self.lab))
        filename = f"<{self.question}, line {self.line}>"
        linecache.cache[filename] = (len(self.source), None, self.source.splitlines(True), filename)
        exec(compile(self.source, filename, "exec"), namespace)
        return namespace[self.name]


_answers: list[Answer] = []


def right(question: str, way: str = ""):
    """Marks a right answer; `way` says how it differs from the reference."""
    return _mark(question, right=True)


def wrong(question: str, says: str | tuple[str, ...], earns: float | None = None):
    """Marks a wrong answer, whose report must contain every text of `says`."""
    return _mark(
        question, right=False, says=(says,) if isinstance(says, str) else says, earns=earns
    )


def _mark(question: str, **facts):
    """A decorator that keeps the text of what it stands over, without itself.

    The text is found by the decorator's line: `inspect` finds the first class of a name, not this.
    """
    caller = sys._getframe(2)
    line = caller.f_lineno
    for node in _definitions(caller.f_code.co_filename):
        decorator = node.decorator_list[0]
        if decorator.lineno <= line <= decorator.end_lineno:
            lines = linecache.getlines(caller.f_code.co_filename)
            source = "".join(lines[node.lineno - 1 : node.end_lineno])
            _answers.append(Answer(question, source, line=decorator.lineno, **facts))
            return lambda answer: answer
    raise SyntaxError(f"line {line}: an answer is a function or a class under one decorator")


@cache
def _definitions(filename: str) -> list[ast.FunctionDef | ast.ClassDef]:
    """The decorated functions and classes of a file."""
    tree = ast.parse("".join(linecache.getlines(filename)))
    kinds = (ast.FunctionDef, ast.ClassDef)
    return [node for node in tree.body if isinstance(node, kinds) and node.decorator_list]


@cache
def answers(lab: str) -> tuple[Answer, ...]:
    """The answers of a lab (`lab01`) in the order in which they are written."""
    importlib.import_module(f"tests.answers.{lab}")
    return tuple(answer for answer in _answers if answer.lab == lab)
