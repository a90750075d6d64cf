"""Makes the notebooks: lesson -> solution (executed) -> lab (by nbgrader).

    python -m course.build

makes what is out of date: `solutions/labNN_x/labNN_x.ipynb` from `course/lessons/labNN_x.md`, and
from that `labs/labNN_x/labNN_x.ipynb`, without solutions and hidden tests.
"""

import contextlib
import hashlib
import logging
import os
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import jupytext
import nbclient
import nbformat
from nbgrader import utils as nbgrader_utils
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

ROOT = Path(__file__).resolve().parents[1]
LESSONS = ROOT / "course" / "lessons"
CELL_TIMEOUT = 300  # seconds


class BuildError(Exception):
    """A lesson cannot be made into a notebook; the message says where and why."""


def lessons() -> list[Path]:
    return sorted(LESSONS.glob("lab[0-9][0-9]_*.md"))


def solution_path(lab: str) -> Path:
    return ROOT / "solutions" / lab / f"{lab}.ipynb"


def lab_path(lab: str) -> Path:
    return ROOT / "labs" / lab / f"{lab}.ipynb"


def notebook_of(lesson: Path) -> nbformat.NotebookNode:
    """The lesson as a notebook without outputs, with cell ids that depend on its text alone."""
    notebook = jupytext.read(lesson)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    used: set[str] = set()
    for cell in notebook.cells:
        cell.id = _cell_id(cell, used)
    return notebook


def make_solution(lesson: Path) -> nbformat.NotebookNode:
    """The executed notebook of a lesson. Raises `BuildError` where a cell fails or loses points."""
    notebook = notebook_of(lesson)
    folder = solution_path(lesson.stem).parent
    folder.mkdir(parents=True, exist_ok=True)
    client = nbclient.NotebookClient(
        notebook,
        extra_arguments=["--log-level=ERROR"],  # else each kernel warns that it listens on TCP
        timeout=CELL_TIMEOUT,
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        client.execute()
    except nbclient.exceptions.CellExecutionError as error:
        raise BuildError(f"{lesson.name}: {error}") from None
    except nbclient.exceptions.CellTimeoutError:
        raise BuildError(f"{lesson.name}: a cell takes over {CELL_TIMEOUT} s.") from None
    for cell in filter(nbgrader_utils.is_grade, notebook.cells):
        score, points = nbgrader_utils.determine_grade(cell)
        if score != points:
            raise BuildError(
                f"{lesson.name}: the solution earns {score} of {points} points in "
                f"{cell.metadata.nbgrader.grade_id}."
            )
    # The version of Python is the machine's, and would change the file from one to another.
    notebook.metadata.language_info = {"name": "python"}
    notebook.metadata.course = {"made_from": digest(lesson)}
    return notebook


def make_labs(labs: list[str]) -> None:
    """Makes the students' notebooks with nbgrader's own `generate_assignment`."""
    with tempfile.TemporaryDirectory() as folder:
        api = nbgrader(db_url=f"sqlite:///{folder}/gradebook.db")
        for lab in labs:
            result = api.generate_assignment(lab, force=True, create=True)
            if not result["success"]:
                raise BuildError(f"nbgrader could not make labs/{lab}:\n{result['log']}")


def nbgrader(**course_directory) -> NbGraderAPI:
    """nbgrader with the project's configuration, and other settings of the course directory."""
    # nbgrader runs alembic by name, which stands beside this Python.
    os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
    config = PyFileConfigLoader("nbgrader_config.py", path=str(ROOT)).load_config()
    config.merge(Config(CourseDirectory=course_directory))
    api = NbGraderAPI(config=config)
    api.log.setLevel(logging.ERROR)
    return api


def digest(lesson: Path) -> str:
    """A digest of all that a solution notebook is made from: the lesson and what labs import."""
    tools = {Path(__file__), ROOT / "course" / "bootstrap.py"}
    sources = [
        lesson,
        *set(ROOT.glob("course/*.py")) - tools,
        *ROOT.glob("course/plots/*.py"),
        *(path for path in ROOT.glob("course/assets/**/*") if path.is_file()),
        *ROOT.glob("autograder/*.py"),
        *ROOT.glob(f"autograder/*/{lesson.stem[:5]}*"),
    ]
    total = hashlib.sha256()
    for path in sorted(sources):
        total.update(str(path.relative_to(ROOT)).encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:16]


def made_from(path: Path) -> str:
    """The digest that a notebook was made from, or an empty string."""
    if not path.exists():
        return ""
    return nbformat.read(path, as_version=4).metadata.get("course", {}).get("made_from", "")


@cache
def reference_namespace(lab: str) -> dict:
    """The names that a lab's setup and solution cells define: the reference answers, by name.

    `lab` is the start of a lesson's name, `lab01` is enough.
    """
    (lesson,) = LESSONS.glob(f"{lab}*.md")
    namespace: dict = {"__name__": lesson.stem}
    for cell in notebook_of(lesson).cells:
        if "setup" in cell.metadata.get("tags", []) or nbgrader_utils.is_solution(cell):
            exec(compile(cell.source, f"<{lesson.stem}>", "exec"), namespace)
    return namespace


def main() -> int:
    stale_labs = []
    try:
        for lesson in lessons():
            lab, wanted = lesson.stem, digest(lesson)
            if made_from(solution_path(lab)) != wanted:
                start = time.perf_counter()
                nbformat.write(make_solution(lesson), solution_path(lab))
                print(f"{lab}: executed in {time.perf_counter() - start:.0f} s", flush=True)
            if made_from(lab_path(lab)) != wanted:
                stale_labs.append(lab)
            else:
                print(f"{lab}: up to date", flush=True)
        if stale_labs:
            make_labs(stale_labs)
            print(f"labs made by nbgrader: {', '.join(stale_labs)}")
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _cell_id(cell: nbformat.NotebookNode, used: set[str]) -> str:
    """nbgrader's id of a cell where it has one, else a digest of its text; unique among `used`."""
    text = hashlib.sha256(cell.source.encode()).hexdigest()[:12]
    name = cell.metadata.get("nbgrader", {}).get("grade_id", text)
    while name in used:
        name += "-again"
    used.add(name)
    return name


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit("Interrupted: what was finished is kept.")
