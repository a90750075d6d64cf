"""`make grade` on sample submissions: exact points, and no submission stops the others."""

import os

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder.grading.__main__ import main
from course.build import lessons
from tests import samples
from tests.scratch import ScratchCourse

LAB = lessons()[0].stem
BROKEN = {"broken": "damaged", "empty": "damaged", "no-notebook": "it holds no cells"}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A scratch course with graded samples, some of them broken, and what `make grade` printed."""
    course = ScratchCourse(tmp_path_factory.mktemp("grading"))
    submitted = course.root / "submitted"
    samples.write(LAB, submitted)
    for student, text in {"broken": '{"cells": [', "empty": "", "no-notebook": "[]"}.items():
        path = submitted / student / LAB / f"{LAB}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    (submitted / "nothing" / LAB).mkdir(parents=True)
    (submitted / "astray" / "lab99_unknown").mkdir(parents=True)
    return course


@pytest.fixture(scope="module")
def printed(graded):
    import contextlib
    import io

    first, second = io.StringIO(), io.StringIO()
    for output in (first, second):
        with contextlib.redirect_stdout(output):
            main(graded.root)
    return first.getvalue(), second.getvalue()


def test_every_sample_gets_its_exact_points(graded, printed):
    with Gradebook(f"sqlite:///{graded.root}/gradebook.db") as gradebook:
        for student in samples.STUDENTS:
            path = graded.root / "submitted" / student / LAB / f"{LAB}.ipynb"
            expected = samples.expected_points(nbformat.read(path, as_version=4), LAB[:5])
            notebook = gradebook.find_submission_notebook(LAB, LAB, student)
            scores = {f"lab01.{g.name.removeprefix('check_')}": g.score for g in notebook.grades}
            assert scores == expected
            row = next(line for line in printed[0].splitlines() if line.startswith(f"{student} "))
            assert float(row.split()[-1]) == sum(expected.values())


def test_what_cannot_be_graded_is_said_in_one_sentence(printed):
    for student, why in BROKEN.items():
        said = printed[0].split(f"{student}, {LAB}: graded\n")[1].split("\n")[0]
        assert why in said
        row = next(line for line in printed[0].splitlines() if line.startswith(f"{student} "))
        assert {float(points) for points in row.split()[1:]} == {0.0}
    assert f"nothing, {LAB}: NOT GRADED, its folder holds no {LAB}.ipynb" in printed[0]
    assert "astray, lab99_unknown: NOT GRADED, there is no lab 'lab99_unknown'" in printed[0]
    assert "Traceback" not in printed[0]


def test_a_second_run_grades_nothing_again_and_prints_the_same_table(printed):
    first, second = printed
    assert "graded before" in second and ": graded\n" not in second
    assert first[first.index(f"\n{LAB}\n") :] == second[second.index(f"\n{LAB}\n") :]


def test_a_broken_file_sent_after_a_good_one_takes_its_place(graded, printed, capsys):
    path = graded.root / "submitted" / "ada-all-right" / LAB / f"{LAB}.ipynb"
    path.write_text("{")
    graded_file = graded.root / "autograded" / "ada-all-right" / LAB / f"{LAB}.ipynb"
    later = graded_file.stat().st_mtime + 10
    os.utime(path, (later, later))
    main(graded.root)
    said = capsys.readouterr().out
    row = next(line for line in said.splitlines() if line.startswith("ada-all-right "))
    assert {float(points) for points in row.split()[1:]} == {0.0}
    assert "it is empty or damaged" in said


def test_without_submissions_it_says_where_they_belong(tmp_path, capsys):
    main(ScratchCourse(tmp_path).root)
    assert "submitted/STUDENT/LAB/LAB.ipynb" in capsys.readouterr().out
