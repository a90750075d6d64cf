"""What a student sent in, made into a notebook that can be graded, whatever it was.

A submission is put on the frame of the solution notebook: checks come from there and never from the
student, and so do all metadata; of the student's file only the text of cells is taken.
"""

import json
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder.engine.safe import safe_html

MAX_BYTES = 20 << 20
MAX_CELLS = 2000
MAX_SOURCE = 200_000  # characters of a cell
CHECKED = re.compile(r'check\.hidden\("(?P<question>[\w.]+)", (?P<variable>\w+)\)')


@dataclass
class Check:
    """A graded cell of a lab: its nbgrader id and the questions that it asks."""

    grade_id: str
    questions: dict[str, str] = field(default_factory=dict)  # name: the answer's variable


class Unreadable(Exception):
    """No notebook can be had from a file; the message says why, for the student."""


def read(path: Path) -> nbformat.NotebookNode:
    """The notebook in a file, salvaged where the file is not quite one. Raises `Unreadable`."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable("it is not a file but a link or something else")
    if status.st_size > MAX_BYTES:
        raise Unreadable(f"it is larger than {MAX_BYTES >> 20} MB")
    try:
        return _plain(_cells_of(json.loads(path.read_bytes())))
    except (ValueError, RecursionError):
        raise Unreadable("it is empty or damaged (no JSON)") from None


def _cells_of(tree) -> list:
    """The cells of a notebook of any format, valid or not. Raises `Unreadable` where there are none."""
    if isinstance(tree, dict):
        cells = tree.get("cells")
        if cells is None and isinstance(tree.get("worksheets"), list):  # formats 2 and 3
            sheets = [sheet.get("cells") for sheet in tree["worksheets"] if isinstance(sheet, dict)]
            cells = [cell for sheet in sheets if isinstance(sheet, list) for cell in sheet]
        if isinstance(cells, list):
            return cells
    raise Unreadable("it is no notebook: it holds no cells")


def _plain(cells: list) -> nbformat.NotebookNode:
    """A valid notebook with the text of the cells and their nbgrader ids, and nothing else."""
    plain = []
    for cell in cells[:MAX_CELLS]:
        if not isinstance(cell, dict):
            continue
        source = cell.get("source", cell.get("input", ""))
        if isinstance(source, list):
            source = "".join(part for part in source if isinstance(part, str))
        if not isinstance(source, str):
            continue
        if len(source) > MAX_SOURCE:
            source = "# This cell held more text than a cell can, and was left out."
        source = source.encode(errors="replace").decode()  # a lone surrogate cannot be written
        made = _new_cell(cell.get("cell_type"))(source)
        metadata = cell.get("metadata")
        about = metadata.get("nbgrader") if isinstance(metadata, dict) else None
        grade_id = about.get("grade_id") if isinstance(about, dict) else None
        if isinstance(grade_id, str):
            made.metadata["grade_id"] = grade_id
        if isinstance(cell.get("id"), str):
            made.metadata["was"] = cell["id"]
        plain.append(made)
    return new_notebook(cells=plain)


def _new_cell(kind):
    match kind:
        case "markdown" | "heading" | "html":  # the latter two are of format 3
            return new_markdown_cell
        case "raw":
            return new_raw_cell
        case _:
            return new_code_cell


def checks(source: nbformat.NotebookNode) -> dict[str, Check]:
    """The lab's graded cells, by their ids, as its solution notebook has them."""
    found = {}
    for cell in source.cells:
        about = cell.metadata.get("nbgrader", {})
        if about.get("grade") and cell.cell_type == "code":
            asked = {m["question"]: m["variable"] for m in CHECKED.finditer(cell.source)}
            if asked or not about.get("solution"):  # what asks nothing earns nothing
                found[about["grade_id"]] = Check(about["grade_id"], asked)
    return found


def restored(
    submitted: nbformat.NotebookNode, source: nbformat.NotebookNode, note: str = ""
) -> nbformat.NotebookNode:
    """The student's cells on the frame of the lab's solution notebook.

    Checks are the source's, one of each, after the answer that they ask about; cells that the
    student took twice lose their second id; what the lab imports at its top is there; nothing is
    left of the student's metadata. `note` is shown to the student above everything.
    """
    known = {
        cell.metadata.nbgrader.grade_id: cell
        for cell in source.cells
        if "nbgrader" in cell.metadata
    }
    lesson = {cell.source for cell in source.cells if cell.cell_type == "markdown"}
    cells, taken = [], set()
    for cell in submitted.cells:
        original = known.get(cell.metadata.get("grade_id"))
        grade_id = original and original.metadata.nbgrader.grade_id
        if original is None or grade_id in taken:
            cells.append(_foreign(cell, lesson))
            continue
        taken.add(grade_id)
        about = original.metadata.nbgrader
        kept = cell.source if about.solution or not about.locked else original.source
        cells.append(_made(original, kept))
    setup = [cell for cell in source.cells if "setup" in cell.metadata.get("tags", [])]
    present = {cell.metadata.get("was") for cell in submitted.cells}
    present |= {cell.source for cell in submitted.cells}
    missing = [cell for cell in setup if cell.id not in present and cell.source not in present]
    cells = [new_code_cell(cell.source, id=cell.id) for cell in missing] + cells
    _place_checks(cells, source, known)
    metadata = {key: source.metadata.get(key, {}) for key in ("kernelspec", "language_info")}
    if note:
        cells.insert(0, new_markdown_cell(note))
        metadata["note"] = note
    return new_notebook(cells=_with_ids(cells), metadata=metadata)


def _made(original: nbformat.NotebookNode, text: str) -> nbformat.NotebookNode:
    """A cell of the lab with this text, whatever the student's file took it for."""
    new = new_code_cell if original.cell_type == "code" else new_markdown_cell
    return new(text, metadata={"nbgrader": original.metadata.nbgrader}, id=original.id)


def _foreign(cell: nbformat.NotebookNode, lesson: set[str]) -> nbformat.NotebookNode:
    """A cell of the student's own; text that is not the lesson's is made fit for a page."""
    if cell.cell_type == "code":
        return new_code_cell(cell.source)
    if cell.cell_type == "raw":  # pages show it as the HTML that it may be
        return new_raw_cell(safe_html(cell.source))
    return new_markdown_cell(cell.source if cell.source in lesson else safe_html(cell.source))


def _place_checks(cells: list, source: nbformat.NotebookNode, known: dict) -> None:
    """Puts each check that is missing, or stands above its answer, behind that answer."""
    before = ""  # the id of the answer that stands before a check in the lab
    for original in source.cells:
        about = original.metadata.get("nbgrader")
        if not about:
            continue
        if not about.grade:
            before = about.grade_id
            continue
        ids = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in cells]
        answer = ids.index(before) if before in ids else -1
        if about.grade_id in ids:
            at = ids.index(about.grade_id)
            if at > answer:
                continue
            check = cells.pop(at)
            answer -= 1
        else:
            check = _made(original, original.source)
        cells.insert(answer + 1 if answer >= 0 else len(cells), check)


def _with_ids(cells: list) -> list:
    """The cells with ids of which none is there twice."""
    used: set[str] = set()
    for i, cell in enumerate(cells):
        if cell.id in used:
            cell.id = f"cell-{i}"
        used.add(cell.id)
    return cells


class SubmissionReader(NotebookExporter):
    """Reads notebooks for nbgrader's autograde; a submission that is none is taken for an empty one."""

    def from_filename(self, filename: str, resources: dict | None = None, **kwargs):
        if not self.parent._sanitizing:  # the second of autograde's two rounds reads our own file
            return super().from_filename(filename, resources, **kwargs)
        path = Path(filename)
        resources["metadata"] = {"name": path.stem, "path": str(path.parent)}
        try:
            notebook = read(path)
        except (Unreadable, OSError) as error:
            why = str(error) if isinstance(error, Unreadable) else "it cannot be opened"
            resources["nbgrader"]["note"] = f"**{path.name} could not be graded:** {why}."
            notebook = new_notebook()
        return self.from_notebook_node(notebook, resources, **kwargs)


class Restore(NbGraderPreprocessor):
    """Puts a submission on the frame of its lab's solution notebook."""

    def preprocess(self, nb, resources):
        about = resources["nbgrader"]
        source = source_notebook(
            CourseDirectory(config=self.config), about["assignment"], about["notebook"]
        )
        return restored(nb, source, about.get("note", "")), resources


def source_notebook(course: CourseDirectory, assignment: str, notebook: str):
    """The instructor's notebook of a lab."""
    folder = Path(course.format_path(course.source_directory, ".", assignment))
    return nbformat.read(Path(course.root) / folder / f"{notebook}.ipynb", as_version=4)


def tidy(assignment: str, student: str, notebooks: list[str]) -> None:
    """nbgrader's hook before it copies a submission: links and devices in it are not followed."""
    for folder in {Path(notebook).parent for notebook in notebooks}:
        for path in folder.rglob("*"):
            kind = path.lstat().st_mode
            if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)) and path.suffix != ".ipynb":
                path.parent.chmod(0o700)  # it may be read-only
                path.unlink()
