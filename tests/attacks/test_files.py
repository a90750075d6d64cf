"""Attacks by the file: notebooks that are changed, forged, broken or no notebooks at all."""

import copy
import json

from tests.attacks.claims import claims
from tests.attacks.harness import MERGE, RIGHT, WRONG, Attack


def cell_of(tree: dict, grade_id: str) -> dict:
    return next(
        c for c in tree["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == grade_id
    )


def forged_points(tree: dict) -> dict:
    for cell in tree["cells"]:
        about = cell["metadata"].get("nbgrader", {})
        about |= {
            "points": 1000,
            "locked": False,
            "schema_version": 99,
            "task": True,
            "checksum": "0",
        }
    tree["metadata"]["nbgrader"] = {"score": 1000}
    return tree


def swapped_ids(tree: dict) -> dict:
    first, second = (cell_of(tree, f"check_{name}") for name in (WRONG, RIGHT))
    about = first["metadata"]["nbgrader"], second["metadata"]["nbgrader"]
    about[0]["grade_id"], about[1]["grade_id"] = about[1]["grade_id"], about[0]["grade_id"]
    return tree


def own_checks(tree: dict) -> dict:
    for name in (WRONG, RIGHT):
        cell_of(tree, f"check_{name}")["source"] = "1000.0"
    return tree


def skipping_tags(tree: dict) -> dict:
    for cell in tree["cells"]:
        cell["metadata"]["tags"] = [
            "skip-execution",
            "hide-cell",
            "raises-exception",
            "",
            "remove-cell",
        ]
    return tree


def stripped(tree: dict) -> dict:
    for cell in tree["cells"]:
        cell["metadata"] = {}
        cell.pop("id")
    return tree


def copied_and_retyped(tree: dict) -> dict:
    copies = copy.deepcopy(tree["cells"])
    for cell in copies:
        cell["source"] = "raise SystemExit"
    for name in (WRONG, RIGHT):
        cell = cell_of(tree, f"check_{name}")
        cell["cell_type"] = "markdown"
        del cell["outputs"], cell["execution_count"]
    tree["cells"] += copies
    return tree


def deleted_checks(tree: dict) -> dict:
    tree["cells"] = [c for c in tree["cells"] if not c["metadata"].get("nbgrader", {}).get("grade")]
    return tree


def old_format(tree: dict) -> dict:
    cells = [
        {"cell_type": "code", "input": c["source"], "metadata": c["metadata"], "language": "python",
         "outputs": [], "collapsed": False, "prompt_number": 1}
        for c in tree["cells"]
    ]  # fmt: skip
    cells.insert(0, {"cell_type": "heading", "level": 1, "source": "x", "metadata": {}})
    return {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {},
        "worksheets": [{"cells": cells}, None],
    }


def odd_types(tree: dict) -> dict:
    odd = [None, 7, [], {}, {"cell_type": [], "source": "1"}, {"source": {"a": 1}, "metadata": 3},
           {"cell_type": {}, "source": [1, None, "x"], "metadata": {"nbgrader": []}, "id": ["x"]}]  # fmt: skip
    tree["cells"] = odd + tree["cells"]
    return tree | {"nbformat": "x", "nbformat_minor": None, "metadata": 5}


def odd_text(tree: dict) -> dict:
    cell = {
        "cell_type": "code",
        "id": "\u202e\ud800" * 200,
        "metadata": {"\ud800": "\u0000"},
        "outputs": [],
    }
    tree["cells"].insert(1, cell | {"source": "x = '\ud800 \u0000 \u202e'"})
    return tree


def deep_code(tree: dict) -> dict:
    cell = copy.deepcopy(tree["cells"][0])
    tree["cells"][1:1] = [cell | {"id": f"deep-{i}", "source": text} for i, text in enumerate(
        ["(" * 5000 + ")" * 5000, "-" * 60000 + "1", "x = " + "[" * 150 + "]" * 150, "a" + ".a" * 40000]
    )]  # fmt: skip
    return tree


def own_outputs(tree: dict) -> dict:
    for name in (WRONG, RIGHT):
        cell_of(tree, f"check_{name}")["outputs"] = [
            {"output_type": "execute_result", "execution_count": 1, "metadata": {},
             "data": {"text/plain": "1000.0"}}
        ]  # fmt: skip
    return tree


def many_lines(tree: dict) -> dict:
    cell = copy.deepcopy(tree["cells"][0])
    more = [cell | {"id": f"lines-{i}", "source": "\n".join(f"#{i} {j}" for j in range(20_000))}
            for i in range(12)]  # fmt: skip
    tree["cells"] += more
    return tree


def changed(name: str, tries: str, change, **facts) -> Attack:
    return Attack(name, tries, change=change, silent=True, **facts)


ATTACKS = [
    changed("forged points", "Writes a thousand points and other facts into cells' metadata.", forged_points),
    changed("ids exchanged", "Exchanges the ids of two checks.", swapped_ids),
    changed("checks of its own", "Writes numbers into the checks' cells.", own_checks),
    changed("tags that skip", "Tags every cell so that tools skip, hide or excuse it.", skipping_tags),
    changed("no metadata", "Strips all metadata and ids from the notebook.", stripped),
    changed("cells copied and of another type", "Copies all cells, and makes the checks Markdown.", copied_and_retyped),
    changed("checks deleted", "Deletes the checks' cells.", deleted_checks),
    changed("an old format", "Sends a notebook of format 3, with parts that are none.", old_format),
    changed("odd types", "Has lists and numbers where texts and objects belong.", odd_types),
    changed("odd text", "Has lone surrogates, NULs and directions in texts, ids and metadata.", odd_text),
    changed("deep code", "Has code that is nested more deeply than Python's parser can go.", deep_code),
    changed("outputs sent in", "Sends outputs of checks that hold full points.", own_outputs),
    changed("many lines", "Has hundreds of thousands of different lines.", many_lines),
    changed(
        "a marker twice",
        "Gives the id of the right answer to a second cell, which breaks it.",
        lambda tree: tree | {"cells": tree["cells"] + [
            cell_of(tree, RIGHT) | {"id": "again", "source": "def merge(*a): return None"}]},
    ),
    changed(
        "a byte order mark",
        "Sends the notebook in UTF-16 with a byte order mark.",
        lambda tree: json.dumps(tree).encode("utf-16"),
    ),
]  # fmt: skip
assert MERGE

test_an_attack_gains_nothing, test_the_right_answer_beside_an_attack_keeps_its_points = claims(
    ATTACKS
)
