"""A class in which every kind of broken submission stands beside an honest one, graded in one run."""

import json
import os
from html.parser import HTMLParser

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell
from nbgrader.api import Gradebook

from autograder.engine.grading import GradeInSandbox
from autograder.grading.__main__ import main
from tests.attacks.harness import LESSON
from tests.samples import chosen, expected_points, submission
from tests.scratch import ScratchCourse

LAB = LESSON.split("_")[0]
HONEST = "ada-all-right"
SCRIPT = "<script>alert('PAYLOAD')</script>"
IMAGE = "<img src=x onerror=alert('PAYLOAD')>"
PAGE = [
    new_markdown_cell(f"{SCRIPT} {IMAGE} <svg onload=alert(1)></svg> <iframe src=https://x></iframe>"),
    new_markdown_cell("[a](javascript:alert(1)) [b](java&#115;cript:alert(1)) [c](javascript\\:alert(1))"),
    new_markdown_cell("[d]: java&#x73;cript:alert(1)\n\n[d] ![p](http://127.0.0.1/pixel.png) $\\href{javascript:alert(1)}{x}$"),
    new_markdown_cell(f"```mermaid\n{SCRIPT}\n```\n\n```x\" onmouseover=\"alert(1)\n{IMAGE}\n```"),
    new_raw_cell(SCRIPT + IMAGE),
    new_code_cell(f"""
from IPython.display import display, HTML
payload = {SCRIPT + IMAGE!r}
print(payload, "\\x1b]8;;javascript:alert(1)\\x07link\\x1b]8;;\\x07", "\\x1b[31m" + payload)
for kind in ("text/html", "text/markdown", "text/latex", "image/svg+xml", "application/javascript",
             "application/vnd.jupyter.widget-view+json", "application/json", "text/plain", "image/png"):
    display({{kind: payload}}, raw=True)
display(HTML("<a href='javascript:alert(1)'>x</a><a href='java&#115;cript:alert(1)' onclick='alert(1)'>y</a>"
             "<form action=https://x><input name=q></form><style>@import 'https://x'</style>"))
"""),
    new_code_cell(f"raise type('PAYLOAD', (Exception,), {{}})({SCRIPT!r})"),
]  # fmt: skip


class Active(HTMLParser):
    """Finds what could act in a page."""

    def __init__(self):
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag in ("iframe", "form", "svg", "object", "embed", "input", "base", "math"):
            self.found.append(tag)
        for name, value in attrs:
            target = (value or "").replace("\t", "").replace("\n", "").strip().lower()
            if name.startswith("on") or target.startswith(
                ("javascript:", "vbscript:", "data:text")
            ):
                self.found.append(f"{tag} {name}={value}")
            if tag == "img" and not target.startswith("data:image/png"):
                self.found.append(f"img {target}")
        self.inside = tag

    def handle_data(self, data):
        if self.inside in ("script", "style") and ("PAYLOAD" in data or "@import 'https" in data):
            self.found.append(data)

    def handle_endtag(self, tag):
        self.inside = ""


def active_parts(page: str) -> list[str]:
    parser = Active()
    parser.inside = ""
    parser.feed(page)
    return parser.found


def page_student(notebook):
    notebook.cells[1:1] = PAGE
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "merge":
            cell.source = f"def merge(*a): raise ValueError({SCRIPT!r})"
    return notebook


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The course after grading and feedback, and what was printed."""
    course = ScratchCourse(tmp_path_factory.mktemp("class"))
    secret = course.root / "private.txt"
    secret.write_text("PRIVATE")
    honest = submission(LESSON, chosen(LAB, HONEST))

    def folder(student: str):
        made = course.root / "submitted" / student / LESSON
        made.mkdir(parents=True)
        return made

    for student in (HONEST, "zoe-all-right"):
        nbformat.write(honest, folder(student) / f"{LESSON}.ipynb")
    texts = {"empty": b"", "damaged": b'{"cells": [', "no-notebook": b"[1]", "bytes": os.urandom(5000),
             "deep": b"[" * 100_000, "cells": b'{"cells": 7}', "types": b'{"cells": [{"cell_type": []}]}'}  # fmt: skip
    for student, text in texts.items():
        (folder(student) / f"{LESSON}.ipynb").write_bytes(text)
    (folder("link") / f"{LESSON}.ipynb").symlink_to(secret)
    (folder("missing") / f"{LESSON}.ipynb").symlink_to("nowhere")
    (folder("folder") / f"{LESSON}.ipynb").mkdir()
    os.mkfifo(folder("pipe") / f"{LESSON}.ipynb")
    beside = folder("beside")
    nbformat.write(page_student(nbformat.from_dict(honest)), beside / f"{LESSON}.ipynb")
    (beside / "torch.py").write_text("raise SystemExit('foreign torch')")
    (beside / "sitecustomize.py").write_text("raise SystemExit")
    (beside / "data.txt").symlink_to(secret)
    (beside / "more").symlink_to(course.root / "solutions")
    (beside / "other.ipynb").symlink_to(course.root / "gradebook.db")
    os.mkfifo(beside / "pipe")

    import contextlib
    import io

    printed = io.StringIO()
    before, GradeInSandbox.submission_seconds.default_value = 300, 120
    with contextlib.redirect_stdout(printed):
        main(course.root)
    GradeInSandbox.submission_seconds.default_value = before
    course.run("generate_feedback", LESSON, "--student", "beside")
    return course, printed.getvalue(), honest


def test_no_submission_stops_the_class(graded):
    course, printed, honest = graded
    expected = expected_points(honest, LAB)
    with Gradebook(f"sqlite:///{course.root}/gradebook.db") as gradebook:
        for student in (HONEST, "zoe-all-right"):
            notebook = gradebook.find_submission_notebook(LESSON, LESSON, student)
            scores = {f"{LAB}.{g.name.removeprefix('check_')}": g.score for g in notebook.grades}
            assert scores == expected, printed
    for student in (path.name for path in (course.root / "submitted").iterdir()):
        assert f"{student}, {LESSON}: " in printed
    assert "Traceback" not in printed


def test_a_broken_submission_earns_nothing_and_a_page_of_scripts_what_its_answers_do(graded):
    course, printed, honest = graded
    right = expected_points(honest, LAB)
    with Gradebook(f"sqlite:///{course.root}/gradebook.db") as gradebook:
        for submitted in gradebook.assignment_submissions(LESSON):
            student, score = submitted.student.id, submitted.notebooks[0].score
            if student == "beside":  # without merge, which train_bpe and encode build on
                earned = {
                    g.name.removeprefix("check_"): g.score for g in submitted.notebooks[0].grades
                }
                assert earned["merge"] == 0, printed
                assert earned["count_pairs"] == right[f"{LAB}.count_pairs"], printed
            elif student not in (HONEST, "zoe-all-right"):
                assert score == 0, (student, printed)


def test_nothing_that_a_link_leads_to_is_copied(graded):
    course, _, _ = graded
    for made in ("autograded", "feedback"):
        for path in (course.root / made).rglob("*"):
            if path.is_file():
                assert b"PRIVATE" not in path.read_bytes(), path
                assert path.name not in ("data.txt", "other.ipynb")


def test_student_html_is_inert_in_feedback(graded):
    course, _, _ = graded
    page = (course.root / "feedback" / "beside" / LESSON / f"{LESSON}.html").read_text()
    assert active_parts(page) == []
    assert "PAYLOAD" in page  # it is shown, as text


def test_student_html_is_inert_in_the_notebook_that_formgrader_shows(graded):
    course, _, _ = graded
    notebook = json.loads(
        (course.root / "autograded" / "beside" / LESSON / f"{LESSON}.ipynb").read_text()
    )
    kinds = {k for c in notebook["cells"] for o in c.get("outputs", []) for k in o.get("data", {})}
    assert kinds <= {"text/plain", "text/html", "image/png", "image/jpeg"}
    assert {c.get("execution_count") for c in notebook["cells"]} == {None}
