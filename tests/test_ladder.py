"""The ladder that students' results are kept on, from lab to lab."""

import json
import math

import pytest

from course import ladder


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """No results yet, and nbgrader is not at work."""
    monkeypatch.setattr(ladder, "_here", {})
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """The working folder of a student's notebook."""
    folder = tmp_path / "labs" / "lab03_language_models"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def kept(lab) -> list[str]:
    return [entry["name"] for entry in json.loads((lab.parent / ladder.FILE).read_text())]


def test_results_are_found_by_the_next_lab(lab, monkeypatch):
    ladder.add("bigram", 2.3, seconds=0.5)
    ladder.add("uniform", 4.0)
    monkeypatch.setattr(ladder, "_here", {})
    (lab.parent / "lab04_attention").mkdir()
    monkeypatch.chdir(lab.parent / "lab04_attention")
    assert ladder.rungs() == [ladder.Rung("uniform", 4.0), ladder.Rung("bigram", 2.3, 0.5)]


def test_the_same_name_again_replaces_the_old_result(lab, capsys):
    ladder.add("bigram", 2.3)
    ladder.add("bigram", 2.2)
    assert ladder.rungs() == [ladder.Rung("bigram", 2.2)] and kept(lab) == ["bigram"]
    assert capsys.readouterr().out == ""


def test_the_order_does_not_depend_on_the_order_of_adding(lab):
    for name, bits in [("b", 2.0), ("c", 3.0), ("a", 2.0)]:
        ladder.add(name, bits)
    assert [rung.name for rung in ladder.rungs()] == ["c", "a", "b"]
    assert kept(lab) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", "[[]]", "7", '[{"name": "x"}]', '[{"name": "x", "bits_per_byte": NaN}]',
     '[{"name": "x", "bits_per_byte": "2"}]', "[" * 100_000, '[{"name": 1, "bits_per_byte": 2.0}]'],
)  # fmt: skip
def test_a_broken_file_costs_a_sentence_and_nothing_else(lab, capsys, text):
    (lab.parent / ladder.FILE).write_text(text)
    assert ladder.rungs() == []
    ladder.add("bigram", 2.3)
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "could not be read" in said
    assert kept(lab) == ["bigram"]


def test_a_file_of_other_bytes_or_a_folder_in_its_place_costs_a_sentence(lab, capsys):
    (lab.parent / ladder.FILE).write_bytes(b"\xff\xfe")
    ladder.add("bigram", 2.3)
    assert capsys.readouterr().out.count("\n") == 1
    (lab.parent / ladder.FILE).unlink()
    (lab.parent / ladder.FILE).mkdir()
    ladder.add("unigram", 3.0)
    assert "could not be written" in capsys.readouterr().out
    assert [rung.name for rung in ladder.rungs()] == ["unigram", "bigram"]


def test_where_nothing_can_be_written_the_notebook_still_has_its_ladder(lab, monkeypatch, capsys):
    def refuse(*_, **__):
        raise PermissionError("read-only")

    monkeypatch.setattr(ladder.Path, "write_text", refuse)
    ladder.add("bigram", 2.3)
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "could not be written" in said
    assert ladder.rungs() == [ladder.Rung("bigram", 2.3)]


def test_a_solution_neither_reads_nor_writes_a_file(tmp_path, monkeypatch):
    folder = tmp_path / "solutions" / "lab03_language_models"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    (folder.parent / ladder.FILE).write_text('[{"name": "old", "bits_per_byte": 1.0}]')
    ladder.add("bigram", 2.3)
    assert [rung.name for rung in ladder.rungs()] == ["bigram"]
    assert "old" in (folder.parent / ladder.FILE).read_text()


@pytest.mark.parametrize("kind", ["autograde", "validate"])
def test_nothing_is_written_while_nbgrader_runs_a_notebook(lab, monkeypatch, kind):
    monkeypatch.setenv("NBGRADER_EXECUTION", kind)
    ladder.add("bigram", 2.3)
    assert ladder.rungs() == [ladder.Rung("bigram", 2.3)]
    assert not (lab.parent / ladder.FILE).exists()


@pytest.mark.parametrize("bits", [math.nan, math.inf, -1.0])
def test_a_result_that_is_no_result_is_refused(lab, bits):
    with pytest.raises(ValueError):
        ladder.add("bigram", bits)
    assert ladder.rungs() == [] and not (lab.parent / ladder.FILE).exists()


def test_the_picture_has_a_bar_for_each_result_the_best_one_last(lab, monkeypatch):
    ladder.add("uniform", 4.0)
    monkeypatch.setattr(ladder, "_here", {})
    ladder.add("bigram", 2.3)
    (axes,) = ladder.draw().axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["uniform", "bigram"]
    assert sorted(bar.get_width() for bar in axes.patches) == [2.3, 4.0]
    assert "bits per byte" in axes.get_xlabel()


def test_an_empty_ladder_can_be_drawn(lab):
    assert ladder.draw().axes
