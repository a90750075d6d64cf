"""The notebooks: made from the lessons and from nothing else, fit for students, safe to release."""

import json
import re
import shutil

import jupytext
import nbclient
import nbformat
import pytest
from jupyter_server.services.contents.largefilemanager import LargeFileManager
from jupytext.sync_contentsmanager import build_sync_jupytext_contents_manager_class
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.utils import determine_grade, is_grade, is_solution

from autograder.question import questions
from course import build
from course.build import ROOT, lab_path, lessons, notebook_of, solution_path
from tests.scratch import ScratchCourse


@pytest.fixture(scope="module", params=lessons(), ids=lambda lesson: lesson.stem)
def lesson(request):
    return request.param


@pytest.fixture(scope="module")
def untouched(lesson, tmp_path_factory):
    """The student's notebook, run from top to bottom as it is."""
    notebook = nbformat.read(lab_path(lesson.stem), as_version=4)
    client = nbclient.NotebookClient(
        notebook,
        timeout=300,
        allow_errors=True,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(tmp_path_factory.mktemp("run"))}},
    )
    client.execute()
    return notebook


# --- lesson, solution and lab say the same


def test_the_solution_is_what_the_lesson_makes(lesson):
    fresh = notebook_of(lesson)
    made = nbformat.read(solution_path(lesson.stem), as_version=4)
    assert [(c.id, c.cell_type, c.source) for c in made.cells] == [
        (c.id, c.cell_type, c.source) for c in fresh.cells
    ], "run make notebooks"
    for cell, wanted in zip(made.cells, fresh.cells):
        assert cell.metadata == wanted.metadata, "run make notebooks"


def test_the_lab_is_what_nbgrader_makes_of_the_solution(lesson, tmp_path):
    course = ScratchCourse(tmp_path)
    course.run("generate_assignment", lesson.stem)
    made = course.root / "labs" / lesson.stem / f"{lesson.stem}.ipynb"
    assert made.read_bytes() == lab_path(lesson.stem).read_bytes(), "run make notebooks"


def test_the_lesson_is_written_as_jupytext_writes_it(lesson):
    """Else the first save in JupyterLab would change every cell's header."""
    text = lesson.read_text(encoding="utf-8")
    assert jupytext.writes(jupytext.reads(text, "md:myst"), "md:myst") == text


def test_saving_the_solution_in_jupyterlab_updates_the_lesson(lesson, tmp_path):
    for folder in ("course/lessons", f"solutions/{lesson.stem}"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    manager = build_sync_jupytext_contents_manager_class(LargeFileManager)(root_dir=str(tmp_path))
    path = f"solutions/{lesson.stem}/{lesson.stem}.ipynb"
    model = manager.get(path)
    model["content"]["cells"][0]["source"] += "\n\nA sentence typed in JupyterLab."
    manager.save(model, path)
    lesson_text = (tmp_path / "course" / "lessons" / lesson.name).read_text(encoding="utf-8")
    changed = lesson_text.replace("\n\nA sentence typed in JupyterLab.", "")
    assert changed != lesson_text
    assert changed == lesson.read_text(encoding="utf-8")


def test_saving_a_lab_leaves_the_lesson_alone(lesson):
    assert "jupytext" not in nbformat.read(lab_path(lesson.stem), as_version=4).metadata


# --- the grade cells


def test_each_question_has_one_grade_cell_with_its_points(lesson):
    lab = lesson.stem[:5]
    found = {}
    for cell in filter(is_grade, notebook_of(lesson).cells):
        name = re.match(r'check\("([\w.]+)", (\w+)\)', cell.source).group(1)
        found[name] = cell.metadata.nbgrader.points
        assert cell.metadata.nbgrader.grade_id == f"check_{name.split('.')[1]}"
        assert f'check.hidden("{name}"' in cell.source
    assert found == {name: question.points for name, question in questions(lab).items()}


def test_solution_cells_are_named_after_their_questions(lesson):
    names = {c.metadata.nbgrader.grade_id for c in notebook_of(lesson).cells if is_solution(c)}
    assert names == {question.answer_name for question in questions(lesson.stem[:5]).values()}


# --- what students get


def test_a_lab_holds_no_solution_no_hidden_test_and_no_output(lesson):
    text = lab_path(lesson.stem).read_text(encoding="utf-8")
    for secret in ("BEGIN SOLUTION", "HIDDEN TESTS", "check.hidden"):
        assert secret not in text
    notebook = nbformat.reads(text, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    for cell in filter(is_solution, notebook.cells):
        assert "raise NotImplementedError()" in cell.source


def test_in_an_untouched_lab_only_what_is_not_attempted_fails(untouched):
    for cell in untouched.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                assert len(output.traceback) == 1, output
                assert "is not written yet" in output.traceback[0]


def test_in_an_untouched_lab_every_check_says_not_attempted(untouched):
    for cell in filter(is_grade, untouched.cells):
        (output,) = cell.outputs
        assert "not attempted yet" in output.data["text/plain"]


def test_nothing_is_printed_on_stderr(untouched, lesson):
    solved = nbformat.read(solution_path(lesson.stem), as_version=4)
    for cell in [*untouched.cells, *solved.cells]:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr"


NOISY = """
import logging, os, sys, warnings
from transformers.utils import logging as library_logging

def count_pairs(ids):
    print("a student's own words", file=sys.stderr)
    warnings.warn("a library's warning")
    logging.warning("a log line")
    library_logging.get_logger("transformers").warning("another library's")
    os.write(2, b"written by compiled code")
    counts = {}
    for pair in zip(ids, ids[1:]):
        counts[pair] = counts.get(pair, 0) + 1
    return counts
"""


def test_what_is_printed_on_stderr_costs_no_points(tmp_path):
    graded = {"grade": True, "grade_id": "c", "points": 1, "solution": False, "locked": True}
    cells = [
        new_code_cell("from autograder import check"),
        new_code_cell(NOISY),
        new_code_cell(
            'check.hidden("lab01.count_pairs", count_pairs)', metadata={"nbgrader": graded}
        ),
    ]
    notebook = new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = "".join(output.get("text", "") for output in cells[-1].outputs)
    assert all(words in said for words in ("own words", "library's warning", "a log line"))
    assert determine_grade(cells[-1]) == (1, 1)


def test_no_code_cell_is_longer_than_a_screen(lesson):
    for cell in notebook_of(lesson).cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 32, cell.source


def test_a_notebook_holds_nothing_of_the_machine_that_made_it(lesson):
    for path in (solution_path(lesson.stem), lab_path(lesson.stem)):
        text = path.read_text(encoding="utf-8")
        assert str(ROOT) not in text and "/tmp/" not in text
        assert json.loads(text)["metadata"]["language_info"] == {"name": "python"}


# --- the build


def test_a_second_build_changes_no_byte(capsys):
    paths = [p(lesson.stem) for lesson in lessons() for p in (solution_path, lab_path)]
    for lesson in lessons():
        for path in (solution_path(lesson.stem), lab_path(lesson.stem)):
            assert build.made_from(path) == build.digest(lesson), "run make notebooks"
    before = [path.read_bytes() for path in paths]
    assert build.main() == 0
    assert [path.read_bytes() for path in paths] == before
    assert "executed" not in capsys.readouterr().out


def test_a_lesson_that_fails_is_named_in_one_piece(tmp_path, monkeypatch, capsys):
    bad = tmp_path / "lab99_bad.md"
    bad.write_text("# Bad\n\n```{code-cell} ipython3\n1 / 0\n```\n")
    monkeypatch.setattr(build, "lessons", lambda: [bad])
    monkeypatch.setattr(build, "solution_path", lambda lab: tmp_path / "out" / f"{lab}.ipynb")
    monkeypatch.setattr(build, "digest", lambda lesson: "new")
    assert build.main() == 1
    assert "lab99_bad.md" in capsys.readouterr().err
