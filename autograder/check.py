"""`check`: what a lab's notebook calls, and how its reports are shown there."""

import ast
import os
import re
import sys
import traceback
from html import escape
from random import Random

from autograder.grade import RIGHT, NoHiddenCases, Report, grade
from autograder.question import UnknownQuestion, find
from autograder.report import as_html, as_text, number

SEED = "hidden cases"  # a regrade draws the same hidden cases
HINT_TITLES = ("a nudge", "the idea", "nearly there")


class CheckFailed(Exception):
    """Shows its text in place of a traceback. nbgrader's Validate prints it for a failed cell."""

    def _render_traceback_(self) -> list[str]:
        return str(self).splitlines()


class Score(float):
    """Points earned: nbgrader reads the number as the cell's score, people see the report."""

    report: Report

    def __new__(cls, report: Report):
        score = super().__new__(cls, report.earned)
        score.report = report
        return score

    def __repr__(self) -> str:
        return number(self)

    def _repr_pretty_(self, printer, cycle):
        printer.text(repr(self))

    def _repr_html_(self) -> str:
        return as_html(self.report)


class _Shown:
    """Something to display that has a text and an HTML form."""

    def __init__(self, text: str, html: str):
        self.text, self.html = text, html

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html


class Check:
    """Checks an answer and shows the report: `check("lab01.merge", merge)`."""

    def __init__(self):
        self._hints_shown: dict[str, int] = {}

    def __call__(self, name: str, answer) -> None:
        """Tries the answer on the cases that students may see.

        While nbgrader grades it leaves that to `hidden`, which tries those cases too.
        """
        if os.environ.get("NBGRADER_EXECUTION") == "autograde":
            return
        report = grade(self._find(name), answer)
        if report.outcome != RIGHT and os.environ.get("NBGRADER_EXECUTION") == "validate":
            raise CheckFailed(as_text(report))
        _show(_Shown(as_text(report), as_html(report)))

    def hidden(self, name: str, answer) -> Score:
        """Tries the answer on all cases, and returns the points that nbgrader records."""
        try:
            return Score(grade(self._find(name), answer, Random(f"{SEED} {name}")))
        except NoHiddenCases as error:
            raise CheckFailed(str(error)) from None

    def hint(self, name: str) -> None:
        """Shows the question's hints, folded away. As text: one more with each call."""
        hints = self._find(name).hints
        shown = min(self._hints_shown.get(name, 0) + 1, len(hints))
        self._hints_shown[name] = shown
        text = f"Hint {shown} of {len(hints)}: {hints[shown - 1]}"
        html = "".join(
            f"<details><summary>Hint {i}: {title}</summary>"
            f'<div style="padding:2px 0 6px 18px;white-space:pre-wrap">{escape(hint)}</div></details>'
            for i, (title, hint) in enumerate(zip(HINT_TITLES, hints, strict=True), 1)
        )
        _show(_Shown(text, html))

    def _find(self, name: str):
        try:
            return find(name)
        except UnknownQuestion as error:
            raise CheckFailed(str(error)) from None


def _show(shown: _Shown) -> None:
    shell = _shell()
    if shell is None:
        print(shown.text)
    else:
        from IPython.display import display

        display(shown)


def _shell():
    """The IPython shell that runs this, or None in plain Python."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


class _NotReady:
    """In place of a traceback where a cell needs what is not written, or not run, yet."""

    def __init__(self):
        self._missing: set[str] = set()  # names that the cells which failed so would have defined

    def show(self, shell, kind, error, trace, tb_offset=None) -> None:
        source = shell.user_ns["In"][-1]
        if kind is NotImplementedError:
            *_, (frame, _) = traceback.walk_tb(trace)
            function = frame.f_code.co_qualname.removesuffix(".__init__")
            what = "An exercise above" if function.startswith("<") else function
            message = f"{what} is not written yet. Write it, then run this cell again."
        elif re.search(rf'^check\("[\w.]+", {error.name}\)', source, re.MULTILINE):
            message = f"{error.name} is not defined yet: run the cell above that defines it."
        elif error.name in self._missing and error.name not in shell.user_ns:
            message = (
                f"{error.name} is not there yet: it comes from a cell above that needs an exercise "
                "which is not written yet."
            )
        else:
            lines = shell.InteractiveTB.structured_traceback(
                kind, error, trace, tb_offset=tb_offset
            )
            shell._showtraceback(kind, error, lines)
            return
        self._missing |= _names_defined(source)
        shell._showtraceback(kind, error, [message])


def _names_defined(source: str) -> set[str]:
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set()
    return {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def prepare_kernel() -> None:
    """Sets up the notebook's kernel for a lab. Does nothing outside one.

    What libraries and students print on stderr goes to stdout: nbgrader scores a graded cell with
    any stderr output as zero, and a warning is no mistake. A cell that needs an exercise which is not
    written yet gives a sentence in place of a traceback.
    """
    shell = _shell()
    if shell is None or not hasattr(shell, "kernel"):
        return
    sys.stderr.name = "stdout"  # the name under which ipykernel's OutStream sends its text
    shell.set_custom_exc((NotImplementedError, NameError), _NotReady().show)


check = Check()
