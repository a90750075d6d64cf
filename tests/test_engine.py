"""The engine around the kernels: what a submission keeps, what grading says, what it leaves out."""

import asyncio
import json
import stat
import time

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from traitlets.config import Config

from autograder.engine import execute, grading, sandbox
from autograder.engine.execute import Budget, Result
from autograder.engine.grading import GradeInSandbox
from autograder.engine.needed import idle_cells
from autograder.grading.__main__ import main
from tests.attacks.harness import LESSON, LIMITS, RIGHT, SEED, WRONG, Attack, Outcome, run, source
from tests.samples import submission
from tests.scratch import ScratchCourse

CUT = "This cell put out more than is kept: the rest is cut."

needs_sandbox = pytest.mark.skipif(not sandbox.ok(), reason="this machine has no sandbox")

COUNT = """
def count_pairs(ids):
    counts = {}
    for pair in zip(ids, ids[1:]):
        counts[pair] = counts.get(pair, 0) + 1
    return counts
"""


def tried(name: str, **cells) -> Outcome:
    """Grades two right answers with other cells above, between or below them."""
    return run(Attack(name, "Nothing.", answer=COUNT, **cells))


def outputs(code: list[str], budget: Budget) -> list[str]:
    """What each cell puts out."""
    notebook = new_notebook(cells=[new_code_cell(text) for text in code])
    settings = grading.Settings(LIMITS, threads=1)
    asyncio.run(execute.run(notebook, {}, SEED, settings, budget))
    return [json.dumps(cell.outputs) for cell in notebook.cells]


# --- what a submission keeps


@needs_sandbox
@pytest.mark.parametrize("where", ["first", "between", "last"])
def test_a_cell_that_ends_the_kernel_is_left_out_and_all_points_are_kept(where):
    outcome = tried(f"an end {where}", **{where: "print('before')\nimport os\nos._exit(0)"})
    assert (outcome.earned(WRONG), outcome.earned(RIGHT)) == (1, 2), outcome.reports
    said = "This cell ended the kernel, or took more memory than there is: "
    assert outcome.outputs.count(f"[{said}the rest was run again without it.]") == 1
    assert list(outcome.result.events.values()) == [said.removesuffix(": ")]


@needs_sandbox
@pytest.mark.parametrize("when", ["True", "len(ids) > 5"])  # always; on hidden cases only
def test_an_answer_that_ends_the_kernel_costs_its_own_points_only(when):
    answer = f"import os\ndef count_pairs(ids): return os._exit(0) if {when} else {{}}"
    outcome = run(Attack("an end in an answer", "Nothing.", answer=answer))
    assert (outcome.earned(WRONG), outcome.earned(RIGHT)) == (0, 2), outcome.reports
    assert "count_pairs ended the kernel" in outcome.reports


@needs_sandbox
def test_output_is_cut_while_it_streams_and_a_flood_is_stopped():
    budget = Budget(cell=60, output=20_000, flood=500_000, outputs=100_000)
    code = ["while True: print('x' * 99)", "print('y' * 40_000)", "print('later')"]
    started = time.monotonic()
    flood, much, later = outputs(code, budget)
    assert time.monotonic() - started < 50  # the first cell was not run until its time was over
    for output in (flood, much):
        assert output.count(CUT) == 1
        assert len(output) < 50_000
    assert "KeyboardInterrupt" in flood
    assert "later" in later and CUT not in later


@needs_sandbox
def test_all_outputs_together_are_bounded_too():
    code = [f"print('a{i}' + 'x' * 900)" for i in range(10)]
    many = outputs(code, Budget(output=2000, outputs=5000))
    n_whole = sum(CUT not in output for output in many)
    assert 3 <= n_whole <= 5
    assert [CUT in output for output in many] == [False] * n_whole + [True] * (10 - n_whole)
    assert all(output.count(CUT) < 2 for output in many)


# --- what grading says and keeps


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A scratch course with one submission."""
    made = ScratchCourse(tmp_path_factory.mktemp("engine"))
    folder = made.root / "submitted" / "ada" / LESSON
    folder.mkdir(parents=True)
    nbformat.write(submission(LESSON, {}), folder / f"{LESSON}.ipynb")
    return made


@pytest.fixture
def runs(monkeypatch):
    """Notes how submissions would be run, and runs none."""
    noted: list[dict] = []

    async def run(notebook, checks, seed, settings, budget, idle):
        noted.append({"seed": seed, "settings": settings, "idle": idle})
        return Result()

    monkeypatch.setattr(grading, "run", run)
    monkeypatch.setattr(grading, "_warned", set())
    return noted


def graded(course, student: str, **settings) -> None:
    """What nbgrader does with a submission that is on its frame."""
    config = Config(
        {"CourseDirectory": {"root": str(course.root), "source_directory": "solutions"}}
    )
    about = {"student": student, "assignment": LESSON, "notebook": LESSON}
    notebook = nbformat.read(course.root / "solutions" / LESSON / f"{LESSON}.ipynb", as_version=4)
    GradeInSandbox(config=config, **settings).preprocess(notebook, {"nbgrader": about})


def test_without_a_sandbox_grading_stops_with_one_sentence(course, runs, monkeypatch, capsys):
    monkeypatch.setattr(sandbox, "ok", lambda: False)
    monkeypatch.setattr(sandbox, "missing_layers", lambda: ["user namespace"])
    with pytest.raises(SystemExit) as stopped:
        main(course.root)
    said = str(stopped.value)
    assert "cannot isolate student code (it lacks: user namespace)" in said
    assert "--no-sandbox" in said and "\n" not in said
    with pytest.raises(SystemExit):  # also where nbgrader itself is told to grade
        graded(course, "ada")
    assert runs == []
    assert not (course.root / "autograded").exists() and not (course.root / "ledger").exists()
    assert capsys.readouterr().out == ""


def test_no_sandbox_is_for_this_run_and_warns_loudly(course, runs, monkeypatch, capsys):
    monkeypatch.setattr(sandbox, "ok", lambda: False)
    main(course.root, isolated=False)
    assert [noted["settings"].limits for noted in runs] == [None]
    assert capsys.readouterr().err.count("*** NO SANDBOX: student code runs with your rights.") == 1
    graded(course, "ben", sandbox=False)
    assert "NO SANDBOX" not in capsys.readouterr().err  # said once, not for each submission


def test_the_class_secret_is_made_once_and_for_its_owner_only(course, runs):
    path = course.root / ".grading-secret"
    path.unlink(missing_ok=True)
    graded(course, "ada", sandbox=False)
    made = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(bytes.fromhex(made)) == 32
    graded(course, "ben", sandbox=False)
    assert path.read_text() == made


def test_a_regrade_has_the_same_seeds_and_each_student_and_class_its_own(course, runs):
    for student in ("ada", "ben", "ada"):
        graded(course, student, sandbox=False)
    (course.root / ".grading-secret").unlink()
    graded(course, "ada", sandbox=False)
    ada, ben, again, other_class = (noted["seed"] for noted in runs)
    assert ada == again
    assert len({ada, ben, other_class}) == 3


def test_every_cell_runs_where_that_is_wanted(course, runs):
    graded(course, "ada", sandbox=False)
    graded(course, "ada", sandbox=False, every_cell=True)
    assert len(runs[0]["idle"]) > 0
    assert runs[1]["idle"] == frozenset()


# --- what is left out

SETUP, ANSWER, CHECK = "import torch", "def f(x): return helper(x) + rate", "check(f)"
SHOWN, HELPER = "print(f(3))", "def helper(x): return inner(x)"
INNER, RATE = "inner = abs", "rate = 3"
LESSON_CELLS = (INNER, HELPER, RATE, SHOWN)


def lab(*texts: str):
    """A notebook with these cells, the lesson's answer, check and set-up marked as they are there."""
    notebook = new_notebook(cells=[new_code_cell(text) for text in texts])
    for cell in notebook.cells:
        if cell.source == SETUP:
            cell.metadata["tags"] = ["setup"]
        if cell.source in (ANSWER, CHECK):
            cell.metadata["nbgrader"] = {"grade_id": cell.source[:5]}
    return notebook


def left_out(*texts: str) -> set[str]:
    """Which of these cells are not run."""
    of_lesson = lab(SETUP, *LESSON_CELLS, ANSWER, CHECK)
    return {texts[i] for i in idle_cells(lab(*texts), of_lesson)}


def test_cells_of_the_lesson_that_nothing_refers_to_are_left_out():
    assert left_out(SETUP, INNER, HELPER, RATE, ANSWER, CHECK, SHOWN) == {SHOWN}


def test_what_an_answer_refers_to_runs_and_so_does_what_that_refers_to():
    assert left_out(INNER, HELPER, RATE, "f = abs", CHECK) == {INNER, HELPER, RATE}
    assert left_out(INNER, HELPER, RATE, "f = helper", CHECK) == {RATE}


@pytest.mark.parametrize(
    "text",
    ["print(f(4))", SHOWN + " ", "rate = 4", "1/0", "def", "x = (", "print('a')\n" + SHOWN],
)
def test_a_students_own_cells_are_never_left_out(text):
    assert text not in left_out(SETUP, text, ANSWER, CHECK)


@pytest.mark.parametrize(
    "text",
    [
        "globals()['rate']", "eval('rate')", "exec('inner')", "%run x", "!ls", "print?",
        "from x import *", "import __main__", "get_ipython().user_ns",
    ],
)  # fmt: skip
def test_nothing_is_left_out_where_names_may_be_looked_up_in_other_ways(text):
    assert left_out(SETUP, INNER, RATE, SHOWN, text, "f = abs", CHECK) == set()


def test_a_broken_cell_of_the_students_leaves_the_rest_as_it_is():
    assert left_out(SETUP, RATE, "def broken(:", "f = abs", CHECK) == {RATE}


def test_the_lessons_own_cells_are_told_apart_in_a_real_lab():
    solved = source()
    assert idle_cells(solved, solved) == set()  # nothing but set-up, answers and checks
