"""Grades everything under `submitted/` that is new and prints a table of points."""

import argparse
import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps import NbGraderAPI
from sqlalchemy.exc import SAWarning

from autograder.engine import ledger
from autograder.engine.grading import require_sandbox
from course.build import ROOT, lessons, made_from, nbgrader, solution_path


class Ungraded(Exception):
    """A submission that cannot be graded; the message says why."""


def submissions(submitted: Path) -> Iterator[tuple[str, str]]:
    """Each (student, lab) that has a folder `submitted/student/lab`, in order."""
    for folder in sorted(submitted.glob("*/*/")):
        if not folder.parent.name.startswith("."):
            yield folder.parent.name, folder.name


def add_assignment(api: NbGraderAPI, lab: str) -> None:
    """Tells the gradebook of a lab's cells and points, where it does not know this version yet."""
    marker = Path(api.coursedir.root) / "build" / f"{lab}.in-gradebook"
    version = made_from(solution_path(lab)) + api.coursedir.db_url
    gradebook = Gradebook(api.coursedir.db_url, api.coursedir.course_id)
    with gradebook, contextlib.suppress(MissingEntry):
        gradebook.find_notebook(lab, lab)
        if marker.exists() and marker.read_text() == version:
            return
    release = api.coursedir.release_directory
    api.coursedir.release_directory = "build/release"  # labs/ stays as it is
    try:
        result = api.generate_assignment(lab, force=True, create=True)
    finally:
        api.coursedir.release_directory = release
    if not result["success"]:
        raise Ungraded(f"nbgrader does not take {lab} into its gradebook: {_last_error(result)}")
    marker.parent.mkdir(exist_ok=True)
    marker.write_text(version)


def grade(api: NbGraderAPI, student: str, lab: str) -> bool:
    """Grades one submission; False where it was graded before and nothing has changed since.

    Raises `Ungraded` where that is not possible.
    """
    root = Path(api.coursedir.root)
    notebook = root / api.coursedir.submitted_directory / student / lab / f"{lab}.ipynb"
    graded = root / api.coursedir.autograded_directory / student / lab / f"{lab}.ipynb"
    if not solution_path(lab).exists():
        known = ", ".join(path.stem for path in lessons())
        raise Ungraded(f"there is no lab {lab!r}; the labs are {known}")
    if not os.path.lexists(notebook):
        raise Ungraded(f"its folder holds no {notebook.name}")
    newest = max(notebook.lstat().st_mtime, solution_path(lab).stat().st_mtime)
    if graded.exists() and graded.stat().st_mtime >= newest:
        return False
    result = api.autograde(lab, student, force=True, create=True)
    if not result["success"]:
        raise Ungraded(_last_error(result))
    return True


def points(api: NbGraderAPI, lab: str, ungraded: set[str]) -> pd.DataFrame:
    """The points of each student (rows) in each check of a lab (columns), and their total.

    Rows of the `ungraded` are empty, also where an earlier submission of theirs was graded.
    """
    rows: dict[str, dict] = {student: {} for student in ungraded}
    with Gradebook(api.coursedir.db_url, api.coursedir.course_id) as gradebook:
        for submission in gradebook.assignment_submissions(lab):
            if submission.student.id in ungraded:
                continue
            (notebook,) = submission.notebooks
            graded = {g.name.removeprefix("check_"): g.score for g in notebook.grades}
            rows[submission.student.id] = graded | {"total": notebook.score}
        order = [cell.name.removeprefix("check_") for cell in _grade_cells(gradebook, lab)]
        maximum = gradebook.find_notebook(lab, lab).max_score
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[*order, "total"])
    return table.sort_index().rename(columns={"total": f"of {maximum:g}"})


def _grade_cells(gradebook: Gradebook, lab: str) -> list:
    """The lab's graded cells in the order of the notebook."""
    notebook = gradebook.find_notebook(lab, lab)
    order = {cell.name: i for i, cell in enumerate(notebook.source_cells)}
    return sorted(notebook.grade_cells, key=lambda cell: order[cell.name])


def _last_error(result: dict) -> str:
    """The line of nbgrader's log that says most: the last that names an error."""
    lines = [line.strip() for line in (result["log"] or result["error"] or "").splitlines()]
    told = [line for line in lines if "Error" in line or "ERROR" in line] or lines or ["no reason"]
    return told[-1].removeprefix("[ERROR] ")


def main(root: Path = ROOT, isolated: bool = True) -> None:
    warnings.simplefilter("ignore", SAWarning)  # of nbgrader's own queries
    api = nbgrader(root=str(root))
    api.config.GradeInSandbox.sandbox = isolated
    submitted = Path(api.coursedir.root) / api.coursedir.submitted_directory
    found = list(submissions(submitted))
    if not found:
        print(
            "There is nothing to grade: submissions belong in submitted/STUDENT/LAB/LAB.ipynb, "
            "and `make samples` puts a few there to try."
        )
        return
    if isolated:
        require_sandbox()
    problems: list[str] = []
    ungraded: dict[str, set[str]] = {}
    for student, lab in found:
        try:
            if lab not in ungraded and solution_path(lab).exists():
                add_assignment(api, lab)
                ungraded[lab] = set()
            done = grade(api, student, lab)
            print(f"{student}, {lab}: {'graded' if done else 'graded before'}", flush=True)
            if done:
                for note in ledger.read(Path(api.coursedir.root), student, lab)["notes"]:
                    print("    " + note.replace("**", ""), flush=True)
        except Ungraded as error:
            ungraded.get(lab, set()).add(student)
            problems.append(f"{student}, {lab}: NOT GRADED, {error}.")
            print(problems[-1], flush=True)
    for lab in ungraded:
        table = points(api, lab, ungraded[lab])
        print(f"\n{lab}\n{table.to_string(float_format='{:g}'.format, na_rep='-')}")
    if problems:
        print("\n" + "\n".join(problems))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m autograder.grading", description=__doc__)
    parser.add_argument(
        "--no-sandbox", action="store_true", help="run student code with your own rights"
    )
    try:
        main(isolated=not parser.parse_args().no_sandbox)
    except KeyboardInterrupt:
        sys.exit("Interrupted: what was graded is kept, and the next run goes on from there.")
