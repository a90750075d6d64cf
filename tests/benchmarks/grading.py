"""Grades one class twice, by plain nbgrader and by the engine, and prints what each took.

    python -m tests.benchmarks.grading [--lab lab01] [--students 30] [--cores 1]

Both grade the same submissions, drawn from the answer bank, by the same command on the same cores.
"""

import argparse
import asyncio
import contextlib
import os
import tempfile
import time
from pathlib import Path
from random import Random

import nbformat
import pandas as pd
import psutil
from nbgrader.api import Gradebook

from autograder.engine import execute, kernels, submission
from autograder.engine.grading import GradeInSandbox
from autograder.question import questions
from course.build import lessons, solution_path
from tests import samples
from tests.bank import answers
from tests.scratch import ScratchCourse

PARALLEL = 8  # kernels whose memory is measured together


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


def graded(lesson: str, submitted: dict, folder: Path, engine: bool) -> tuple[float, dict]:
    """The seconds that `nbgrader autograde` takes for the class, and each student's scores."""
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
    return seconds, scores


def disagreements(plain: dict, ours: dict) -> list[str]:
    return [
        f"{student}, {check}: {score:g} by plain nbgrader, {ours[student][check]:g} by the engine"
        for student, checks in plain.items()
        for check, score in checks.items()
        if score != ours[student][check]
    ]


async def _memory(lesson: str) -> pd.Series:
    """MiB of parallel kernels that have run the lab's first cells: summed, and shared pages once."""
    source = nbformat.read(solution_path(lesson), as_version=4)
    settings = GradeInSandbox()._settings()
    async with contextlib.AsyncExitStack() as stack:
        ready = []
        for _ in range(PARALLEL):
            notebook = submission.restored(source, source)
            kernel = await stack.enter_async_context(
                execute._kernel(notebook, settings, execute.Budget())
            )
            await kernel._do("import torch; torch.randn(512, 512) @ torch.randn(512, 512)", 30)
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
    with tempfile.TemporaryDirectory() as folder:
        ours, our_scores = graded(lesson, submitted, Path(folder) / "engine", engine=True)
        plain, plain_scores = graded(lesson, submitted, Path(folder) / "plain", engine=False)
    differ = disagreements(plain_scores, our_scores)
    print(f"{lesson}: {students} submissions, {cores} core(s)")
    print(f"  plain nbgrader  {plain / students:6.2f} s a submission")
    print(f"  the engine      {ours / students:6.2f} s a submission")
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
    start = time.perf_counter()
    kernels.warm_up()
    print(f"the template was ready after {time.perf_counter() - start:.1f} s")
    names = [path.stem for path in lessons() if path.stem.startswith(options.lab)]
    for name in names:
        measure(name, options.students, options.cores)
    print(f"memory of {PARALLEL} kernels at once, MiB:")
    for name, value in asyncio.run(_memory(names[0])).items():
        print(f"  {name:20} {value:8.0f}")


if __name__ == "__main__":
    main()
