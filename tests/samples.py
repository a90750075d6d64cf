"""Makes sample submissions from the answer bank: `python -m tests.samples` fills `submitted/`."""

import sys
from pathlib import Path
from random import Random

import nbformat
from nbgrader.utils import is_solution

from autograder.check import SEED
from autograder.grade import grade
from autograder.question import questions
from course.build import ROOT, lab_path, lessons
from tests.bank import Answer, answers

# What each sample student does: for the i-th question of a lab, which kind of answer.
STUDENTS = {
    "ada-all-right": lambda i: "right",
    "ben-half-done": lambda i: "right" if i < 5 else None,
    "chen-not-started": lambda i: None,
    "dora-typical-mistakes": lambda i: "wrong",
    "emil-some-mistakes": lambda i: "wrong" if i % 3 == 0 else "right",
}


def chosen(lab: str, student: str) -> dict[str, Answer]:
    """The student's answers by the question's name; what is not attempted is left out."""
    kind = STUDENTS[student]
    result = {}
    for i, name in enumerate(questions(lab)):
        of_kind = [a for a in answers(lab) if a.question == name and kind(i) == _kind(a)]
        if of_kind:
            result[name] = of_kind[0]
    return result


def submission(lesson: str, filled: dict[str, Answer]) -> nbformat.NotebookNode:
    """The student's notebook of a lab with some answers filled in."""
    notebook = nbformat.read(lab_path(lesson), as_version=4)
    sources = {answer.name: answer.source for answer in filled.values()}
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in sources:
            cell.source = sources[name]
    return notebook


def expected_points(notebook: nbformat.NotebookNode, lab: str) -> dict[str, float]:
    """What each question of a submission must earn: its own code, graded here with hidden cases."""
    namespace: dict = {}
    for cell in notebook.cells:
        if "setup" in cell.metadata.get("tags", []) or is_solution(cell):
            exec(cell.source, namespace)
    return {
        name: grade(question, namespace[question.answer_name], Random(f"{SEED} {name}")).earned
        for name, question in questions(lab).items()
    }


def write(lesson: str, folder: Path) -> None:
    """Puts the sample submissions of a lab under a folder."""
    for student in STUDENTS:
        path = folder / student / lesson / f"{lesson}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(submission(lesson, chosen(lesson.split("_")[0], student)), path)


def _kind(answer: Answer) -> str:
    return "right" if answer.right else "wrong"


def main() -> int:
    for lesson in lessons():
        write(lesson.stem, ROOT / "submitted")
        print(f"{lesson.stem}: {len(STUDENTS)} submissions in submitted/")
    broken = (
        ROOT / "submitted" / "finn-broken-file" / lessons()[0].stem / f"{lessons()[0].stem}.ipynb"
    )
    broken.parent.mkdir(parents=True, exist_ok=True)
    broken.write_text('{"cells": [')
    print("and one whose file is broken: finn-broken-file")
    return 0


if __name__ == "__main__":
    sys.exit(main())
