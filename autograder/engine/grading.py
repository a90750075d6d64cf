"""The engine as nbgrader sees it: a preprocessor in the place of `Execute`."""

import asyncio
import hmac
import os
import secrets
import sys
import threading
import time
from html import escape
from pathlib import Path

from nbformat.v4 import new_output
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade
from traitlets import Bool, Float, Integer, List, Unicode

from autograder.engine import ledger, sandbox
from autograder.engine.execute import Budget, Result, run
from autograder.engine.kernels import Settings
from autograder.engine.needed import idle_cells
from autograder.engine.safe import safe_html
from autograder.engine.submission import Check, checks, source_notebook
from autograder.question import find
from autograder.report import number

MIB = 1 << 20


class NoSandbox(SystemExit):
    """This machine cannot isolate student code, and nobody said to go on without: the command ends."""


def require_sandbox() -> None:
    """Raises `NoSandbox` where this machine lacks a layer that grading needs."""
    if not sandbox.ok():
        raise NoSandbox(
            f"This machine cannot isolate student code (it lacks: {', '.join(sandbox.missing_layers())}). "
            "Grade on Linux with user namespaces, or say --no-sandbox to run it with your own rights."
        )


class GradeInSandbox(NbGraderPreprocessor):
    """Runs a submission isolated, has it judged outside, and writes the scores that nbgrader reads."""

    sandbox = Bool(True, help="Isolate student code; without, it runs with your rights.").tag(
        config=True
    )
    warm = Bool(True, help="Fork kernels from one template; else each imports everything.").tag(
        config=True
    )
    every_cell = Bool(False, help="Also run the lesson's cells that nothing graded refers to.").tag(
        config=True
    )
    cell_seconds = Float(60, help="Time for one cell.").tag(config=True)
    call_seconds = Float(10, help="Time for one call of an answer.").tag(config=True)
    submission_seconds = Float(300, help="Time for one submission.").tag(config=True)
    memory_mib = Integer(4096, help="Memory for each process of a kernel.").tag(config=True)
    processes = Integer(64, help="Processes and threads of a kernel.").tag(config=True)
    threads = Integer(0, help="Threads of torch in a kernel; 0 is all cores.").tag(config=True)
    devices = List(Unicode(), help="Device files that kernels see, for a GPU.").tag(config=True)
    gpu_share = Float(0.5, help="Share of a GPU's memory for one kernel.").tag(config=True)

    def preprocess(self, nb, resources):
        about = resources["nbgrader"]
        course = CourseDirectory(config=self.config)
        root, student, lab = Path(course.root), about["student"], about["notebook"]
        source = source_notebook(course, about["assignment"], lab)
        asked = checks(source)
        seed = hmac.digest(_secret(root), student.encode(), "sha256")
        started = time.monotonic()
        idle = frozenset() if self.every_cell else frozenset(idle_cells(nb, source))
        result = _finish(run(nb, asked, seed, self._settings(), self._budget(), idle))
        earned = _show(nb, asked, result)
        ledger.write(root, student, lab, {
            "student": student,
            "lab": lab,
            "earned": sum(earned.values()),
            "cells": earned,
            "questions": result.entries,
            "notes": [nb.metadata.note, *result.notes] if "note" in nb.metadata else result.notes,
            "events": {nb.cells[i].id: text for i, text in result.events.items()},
            "seconds": time.monotonic() - started,
        })  # fmt: skip
        return nb, resources

    def _settings(self) -> Settings:
        limits = sandbox.Limits(
            memory=self.memory_mib * MIB, processes=self.processes, open_files=512,
            file_size=64 * MIB, cpu_seconds=int(self.submission_seconds), scratch=128 * MIB, inodes=4096,
        )  # fmt: skip
        if not self.sandbox:
            _warn_once(
                "NO SANDBOX: student code runs with your rights. Everything you can do, it can."
            )
            limits = None
        else:
            require_sandbox()
        threads = self.threads or len(os.sched_getaffinity(0))
        return Settings(limits, threads, tuple(self.devices), self.gpu_share, self.warm)

    def _budget(self) -> Budget:
        return Budget(self.cell_seconds, self.call_seconds, self.submission_seconds)


def _secret(root: Path) -> bytes:
    """The class's secret, from which hidden cases are drawn; made on first use, for its owner only."""
    path = root / ".grading-secret"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return bytes.fromhex(path.read_text())
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))
    return _secret(root)


def _finish(work) -> Result:
    """Runs a coroutine to its end, also where a loop runs already (in the formgrader's server)."""
    outcome: list = []

    def target():
        try:
            outcome.append(asyncio.run(work))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=target, daemon=True)  # Ctrl-C need not wait for it
    thread.start()
    thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


def _show(nb, asked: dict[str, Check], result: Result) -> dict[str, float]:
    """Writes each check's score and report as the only output of its cell; returns the scores."""
    earned = {}
    for index, cell in enumerate(nb.cells):
        if index in result.events and cell.cell_type == "code":
            text = f"\n[{result.events[index]}: the rest was run again without it.]\n"
            cell.outputs.append(new_output("stream", name="stderr", text=text))
        check = asked.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
        if check and is_grade(cell):
            entries = [
                result.entries.get(name) or _unasked(name, result) for name in check.questions
            ]
            score = earned[check.grade_id] = sum(entry["earned"] for entry in entries)
            data = {
                "text/plain": number(score),
                "text/html": "".join(entry["html"] for entry in entries),
            }
            cell.outputs = [new_output("execute_result", data=data, execution_count=None)]
    return earned


def _unasked(name: str, result: Result) -> dict:
    """The entry of a question that the judge never came to."""
    question = find(name)
    why = result.notes[-1] if result.notes else "its check was not reached"
    text = f"{name}: not judged, 0 of {number(question.points)} points. {why}."
    result.entries[name] = entry = {
        "question": name, "earned": 0.0, "points": question.points, "outcome": "not judged",
        "ended": "not asked", "seconds": 0.0, "aspects": [], "text": text,
        "html": safe_html(f"<div>{escape(text)}</div>"),
    }  # fmt: skip
    return entry


_warned: set[str] = set()


def _warn_once(text: str) -> None:
    if text not in _warned:
        _warned.add(text)
        print(f"\n*** {text} ***\n", file=sys.stderr, flush=True)
