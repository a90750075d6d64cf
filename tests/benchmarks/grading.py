"""Grades one class twice, by plain nbgrader and by the engine, and prints what each took.

    python -m tests.benchmarks.grading [--lab lab01] [--students 30] [--cores 1]

Both grade the same submissions, drawn from the answer bank, by the same command on the same cores.
What the students' code takes by itself is measured too, so that the engine's own part shows.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import tempfile
import time
from pathlib import Path
from random import Random

import nbformat
import pandas as pd
import psutil
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_code_cell
from nbgrader.api import Gradebook

from autograder import hidden
from autograder.engine import execute, kernels, ledger, submission, template
from autograder.engine.grading import GradeInSandbox
from autograder.engine.needed import idle_cells
from autograder.grade import observe
from autograder.question import questions
from course.build import lessons, solution_path
from tests import samples
from tests.bank import answers
from tests.scratch import ScratchCourse

PARALLEL = 8  # kernels whose memory is measured together
CALL_SECONDS = 10  # the engine's limit for one call of an answer


def a_class(lesson: str, students: int) -> dict[str, nbformat.NotebookNode]:
    """Submissions by student, each with an answer of the bank for each question, right or wrong."""
    lab = lesson[:5]
    bank = {name: [a for a in answers(lab) if a.question == name] for name in questions(lab)}
    found = {}
    for i in range(students):
        rng = Random(i)
        chosen = {}
        for name, known in bank.items():
            right = rng.random() < 0.6
            chosen[name] = rng.choice([answer for answer in known if answer.right == right])
        found[f"student-{i:02}"] = samples.submission(lesson, chosen)
    return found


def graded(lesson: str, submitted: dict, folder: Path, engine: bool) -> tuple[float, float, dict]:
    """The seconds that `nbgrader autograde` takes, those in the engine, and each student's scores."""
    course = ScratchCourse(folder, engine=engine)
    course.run("generate_assignment", lesson)
    for student, notebook in submitted.items():
        path = course.root / "submitted" / student / lesson / f"{lesson}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(notebook, path)
    if engine:
        kernels.warm_up()  # its time is shown apart
    start = time.perf_counter()
    course.run("autograde", lesson)
    seconds = time.perf_counter() - start
    with Gradebook(f"sqlite:///{course.root}/gradebook.db") as gradebook:
        notebooks = {s: gradebook.find_submission_notebook(lesson, lesson, s) for s in submitted}
        scores = {s: {g.name: g.score for g in n.grades} for s, n in notebooks.items()}
    of_engine = 0.0
    if engine:
        of_engine = sum(ledger.read(course.root, s, lesson)["seconds"] for s in submitted)
    return seconds, of_engine, scores


def own_seconds(lesson: str, notebook: nbformat.NotebookNode) -> float:
    """What a submission's code takes by itself: its cells, then every answer on every case.

    In a fork of this process, which has everything imported, and without any of the engine.
    """
    source = nbformat.read(solution_path(lesson), as_version=4)
    idle, asked = idle_cells(notebook, source), submission.checks(source)
    cells = [
        cell.source
        for i, cell in enumerate(notebook.cells)
        if cell.cell_type == "code"
        and i not in idle
        and cell.metadata.get("nbgrader", {}).get("grade_id") not in asked
    ]
    cases = [
        (question, case)
        for question in questions(lesson[:5]).values()
        for case in (*question.visible_cases(), *hidden.hidden_cases(question, Random(0)))
    ]
    get, put = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.write(put, str(_run_alone(cells, cases)).encode())
        finally:
            os._exit(0)
    os.close(put)
    with os.fdopen(get) as pipe:
        seconds = float(pipe.read())
    os.waitpid(child, 0)
    return seconds


def _run_alone(cells: list[str], cases: list[tuple]) -> float:
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    start = time.perf_counter()
    shell = InteractiveShell.instance()
    for cell in cells:
        shell.run_cell(cell)
    for question, case in cases:
        signal.alarm(CALL_SECONDS)
        with contextlib.suppress(KeyboardInterrupt):
            observe(question, shell.user_ns.get(question.answer_name), case)
        signal.alarm(0)
    return time.perf_counter() - start


def disagreements(plain: dict, ours: dict) -> list[str]:
    return [
        f"{student}, {check}: {score:g} by plain nbgrader, {ours[student][check]:g} by the engine"
        for student, checks in plain.items()
        for check, score in checks.items()
        if score != ours[student][check]
    ]


async def _memory(lesson: str) -> pd.Series:
    """MiB of parallel kernels that have used torch: summed, and with shared pages counted once."""
    source = nbformat.read(solution_path(lesson), as_version=4)
    settings = GradeInSandbox()._settings()
    async with contextlib.AsyncExitStack() as stack:
        ready = []
        for _ in range(PARALLEL):
            notebook = submission.restored(source, source)
            notebook.cells = [new_code_cell("import torch; torch.randn(512, 512).square().sum()")]
            kernel = await stack.enter_async_context(
                execute._kernel(notebook, settings, execute.Budget())
            )
            await kernel.async_execute_cell(notebook.cells[0], 0)
            assert notebook.cells[0].outputs, "the cell gave nothing"
            ready.append(kernel)
        used = [psutil.Process(k.km.provisioner.pid).memory_full_info() for k in ready]
    mib = 1 << 20
    return pd.Series(
        {
            "resident, summed": sum(m.rss for m in used) / mib,
            "shared pages once": sum(m.pss for m in used) / mib,
            "of one kernel alone": sum(m.uss for m in used) / PARALLEL / mib,
        }
    )


def measure(lesson: str, students: int, cores: int) -> None:
    """Grades the class both ways and prints the figures."""
    submitted = a_class(lesson, students)
    print(f"{lesson}: {students} submissions, {cores} core(s)", flush=True)
    alone = sum(own_seconds(lesson, notebook) for notebook in submitted.values())
    with tempfile.TemporaryDirectory() as folder:
        ours, of_engine, our_scores = graded(
            lesson, submitted, Path(folder) / "engine", engine=True
        )
        print(f"  students' code  {alone / students:6.2f} s a submission, run by itself")
        print(f"  with the engine {ours / students:6.2f} s a submission")
        print(f"  in the engine   {of_engine / students:6.2f} s of these", flush=True)
        plain, _, plain_scores = graded(lesson, submitted, Path(folder) / "plain", engine=False)
    differ = disagreements(plain_scores, our_scores)
    print(f"  plain nbgrader  {plain / students:6.2f} s a submission")
    print(f"  ratio           {plain / ours:6.2f}")
    print(f"  grades          {'all agree' if not differ else f'{len(differ)} differ'}")
    for line in differ:
        print(f"    {line}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lab", default="lab", help="the start of a lab's name; all without it")
    parser.add_argument("--students", type=int, default=30)
    parser.add_argument("--cores", type=int, default=1)
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    template.import_all()  # `own_seconds` shall not count imports, which warm kernels have behind them
    start = time.perf_counter()
    kernels.warm_up()
    print(f"the template was ready after {time.perf_counter() - start:.1f} s", flush=True)
    names = [path.stem for path in lessons() if path.stem.startswith(options.lab)]
    for name in names:
        measure(name, options.students, options.cores)
    print(f"memory of {PARALLEL} kernels at once, MiB:")
    for name, value in asyncio.run(_memory(names[0])).items():
        print(f"  {name:20} {value:8.0f}")


if __name__ == "__main__":
    main()
