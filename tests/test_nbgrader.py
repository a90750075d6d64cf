"""The whole cycle with nbgrader's real commands, from the instructor's source to the feedback."""

import csv

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder.question import questions
from course.build import lab_path, lessons
from tests.samples import chosen, expected_points, submission
from tests.scratch import ScratchCourse

STUDENTS = ["ada-all-right", "ben-half-done", "chen-not-started"]
TOTALS = {"lab01": [20, 10, 0], "lab03": [20, 13, 0]}
COURSE = "language-models"


@pytest.fixture(scope="module", params=[lesson.stem for lesson in lessons()])
def lab(request):
    return request.param


@pytest.fixture(scope="module")
def cycle(lab, tmp_path_factory):
    """A scratch course after the whole cycle, with the notebooks that were submitted."""
    folder = tmp_path_factory.mktemp("cycle")
    course = ScratchCourse(folder)
    course.run("generate_assignment", lab)
    course.run("release_assignment", lab)
    submitted = {}
    for student in STUDENTS:
        home = folder / student
        home.mkdir()
        (home / "nbgrader_config.py").write_text(
            (course.root / "nbgrader_config.py").read_text().split("c.CourseDirectory.root")[0]
            + f"c.Exchange.root = {str(course.exchange)!r}\n"
            + f"c.Exchange.cache = {str(home / 'cache')!r}\n"
        )
        course.run("fetch_assignment", lab, "--course", COURSE, folder=home)
        fetched = home / lab / f"{lab}.ipynb"
        assert fetched.read_bytes() == lab_path(lab).read_bytes()
        submitted[student] = submission(lab, chosen(lab[:5], student))
        nbformat.write(submitted[student], fetched)
        course.run("submit", lab, "--course", COURSE, "--student", student, folder=home)
    course.run("collect", lab)
    course.run("autograde", lab)
    course.run("generate_feedback", lab)
    course.run("release_feedback", lab)
    course.run("export", "--to", str(folder / "grades.csv"))
    return course, folder, submitted


def test_every_score_is_exact(cycle, lab):
    course, _, submitted = cycle
    with Gradebook(f"sqlite:///{course.root}/gradebook.db") as gradebook:
        for student in STUDENTS:
            notebook = gradebook.find_submission_notebook(lab, lab, student)
            scores = {
                f"{lab[:5]}.{g.name.removeprefix('check_')}": g.score for g in notebook.grades
            }
            assert scores == expected_points(submitted[student], lab[:5]), student


def test_the_export_holds_the_totals(cycle, lab):
    _, folder, _ = cycle
    with open(folder / "grades.csv", newline="") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert [float(rows[student]["score"]) for student in STUDENTS] == TOTALS[lab[:5]]
    assert {float(row["max_score"]) for row in rows.values()} == {20.0}


def test_feedback_names_the_mistake_and_comes_back_to_the_student(cycle, lab):
    course, _, _ = cycle
    page = course.root / "feedback" / "chen-not-started" / lab / f"{lab}.html"
    assert page.read_text(encoding="utf-8").count("not attempted yet") >= len(questions(lab[:5]))
    released = list((course.exchange / COURSE / "feedback").glob("*.html"))
    assert len(released) == len(STUDENTS)


def test_validate_on_an_untouched_lab_says_what_is_not_attempted(cycle, lab):
    course, folder, _ = cycle
    untouched = folder / "untouched"
    untouched.mkdir()
    (untouched / f"{lab}.ipynb").write_bytes(lab_path(lab).read_bytes())
    said = course.run("validate", f"{lab}.ipynb", folder=untouched)
    n = len(questions(lab[:5]))
    assert f"VALIDATION FAILED ON {n} CELL(S)!" in said
    for name, question in questions(lab[:5]).items():
        assert f"{name}: not attempted yet (0 of {question.points:g} points)" in said
    assert "Traceback" not in said


def test_validate_on_a_solved_lab_is_content(cycle, lab):
    course, folder, submitted = cycle
    solved = folder / "solved"
    solved.mkdir()
    nbformat.write(submitted["ada-all-right"], solved / f"{lab}.ipynb")
    assert "Success!" in course.run("validate", f"{lab}.ipynb", folder=solved)
