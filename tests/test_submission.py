"""What students send in, put on the frame of the lab."""

import json
import os

import pytest

from autograder.engine.submission import Unreadable, checks, read, restored
from tests.attacks import harness, test_files
from tests.attacks.harness import RIGHT, WRONG

CHECKS = [f"check_{WRONG}", f"check_{RIGHT}"]


@pytest.mark.parametrize("attack", test_files.ATTACKS, ids=str)
def test_every_submission_ends_with_the_checks_of_the_lab_below_their_answers(attack, tmp_path):
    made = harness.submitted(attack, harness.Outside(tmp_path))
    path = tmp_path / "lab.ipynb"
    made = json.dumps(made) if isinstance(made, dict) else made
    path.write_bytes(made if isinstance(made, bytes) else made.encode())
    notebook = restored(read(path), harness.source())
    wanted = {cell.id: cell for cell in harness.source().cells if "nbgrader" in cell.metadata}
    graded = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade")]
    assert sorted(cell.metadata.nbgrader.grade_id for cell in graded) == sorted(CHECKS)
    for cell in graded:
        assert cell.metadata == wanted[cell.id].metadata
        assert cell.cell_type == "code" and cell.outputs == []
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"7", b'{"cells": 1}', b"[" * 100_000, b"\xff\xfe\x00"]
)
def test_what_is_no_notebook_is_said_to_be_none(text, tmp_path):
    (tmp_path / "x.ipynb").write_bytes(text)
    with pytest.raises(Unreadable):
        read(tmp_path / "x.ipynb")


def test_links_and_pipes_are_not_followed(tmp_path):
    (tmp_path / "link.ipynb").symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / "pipe.ipynb")
    for name in ("link", "pipe"):
        with pytest.raises(Unreadable, match="link"):
            read(tmp_path / f"{name}.ipynb")


def test_a_lab_asks_what_its_checks_name():
    assert list(checks(harness.source())) == CHECKS
