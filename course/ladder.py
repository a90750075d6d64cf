"""The ladder: how well each of the student's models predicts, kept from lab to lab and drawn.

Results are kept in `ladder.json` beside the labs' folders, where the next lab finds them. Nothing is
written from the `solutions` folder or while nbgrader runs a notebook: those come out the same each
time, and know only what the notebook itself has added.
"""

import json
import math
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from course.plots.style import COLOURS, TEXT_SIZE, finish

FILE = "ladder.json"


@dataclass(frozen=True)
class Rung:
    """A model's result: bits per byte on held-out text, and the seconds of its training."""

    name: str
    bits_per_byte: float
    seconds: float | None = None

    def __post_init__(self):
        if not isinstance(self.name, str) or not self.name:
            raise ValueError("A rung of the ladder needs a name, as text.")
        for value in (self.bits_per_byte, 0.0 if self.seconds is None else self.seconds):
            if not (isinstance(value, float) and math.isfinite(value) and value >= 0):
                raise ValueError(f"{self.name}: {value!r} is not a finite number from 0 up.")


_here: dict[str, Rung] = {}  # what this kernel has added


def add(name: str, bits_per_byte: float, seconds: float | None = None) -> None:
    """Puts a model's result on the ladder, in place of an older one of the same name.

    Raises `ValueError` for a result that is negative or not finite. Where the file cannot be read or
    written a sentence says so, and the result stays on the ladder of this notebook.
    """
    _here[name] = Rung(name, float(bits_per_byte), None if seconds is None else float(seconds))
    if path := _path():
        _write(path, _read(path, say=True) | _here)


def rungs() -> list[Rung]:
    """All results, the best last; of equals, in the order of their names."""
    path = _path()
    found = (_read(path) if path else {}) | _here
    return sorted(found.values(), key=lambda rung: (-rung.bits_per_byte, rung.name))


def draw() -> Figure:
    """The ladder as bars in bits per byte: what this notebook added, and what earlier labs did."""
    steps = rungs()
    figure, axes = plt.subplots(figsize=(7.5, 1.4 + 0.42 * max(len(steps), 1)))
    for new, label, colour in ((True, "this notebook", COLOURS[0]), (False, "earlier", "#b5b5b5")):
        own = [(i, rung) for i, rung in enumerate(steps) if (rung.name in _here) == new]
        bars = axes.barh(
            [i for i, _ in own], [rung.bits_per_byte for _, rung in own], color=colour, label=label
        )
        axes.bar_label(bars, [f" {rung.bits_per_byte:.2f}" for _, rung in own])
    axes.set_yticks(range(len(steps)), [rung.name for rung in steps])
    axes.invert_yaxis()
    axes.set_title("The ladder: a better model needs fewer bits", fontsize=TEXT_SIZE + 1)
    axes.set_xlabel("bits per byte of held-out text (lower is better)", fontsize=TEXT_SIZE)
    axes.spines[["top", "right"]].set_visible(False)
    if any(rung.name not in _here for rung in steps):
        axes.legend(frameon=False)
    return finish(figure)


def _path() -> Path | None:
    """Where results are kept, or None where they are not."""
    if "NBGRADER_EXECUTION" in os.environ:
        return None
    folder = Path.cwd()
    if re.match(r"lab\d\d", folder.name):
        folder = folder.parent
    return None if folder.name == "solutions" else folder / FILE


def _read(path: Path, say: bool = False) -> dict[str, Rung]:
    """The results in the file; none, and if asked a sentence, where it is missing or broken."""
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
        kept = [Rung(**entry) for entry in listed]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, RecursionError):
        if say:
            print(f"{FILE} beside your labs could not be read, so earlier results are left out.")
        return {}
    return {rung.name: rung for rung in kept}


def _write(path: Path, found: dict[str, Rung]) -> None:
    text = json.dumps([asdict(found[name]) for name in sorted(found)], indent=1)
    unfinished = path.with_suffix(".tmp")
    try:
        unfinished.write_text(text + "\n", encoding="utf-8")
        unfinished.replace(path)
    except OSError:
        print(f"{FILE} could not be written beside your labs, so the next lab will not find this.")
