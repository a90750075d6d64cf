"""What an attack is, and a lab small enough to try each of them in a second."""

import asyncio
import copy
import hmac
import json
import os
import re
import socket
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from string import Template
from tempfile import TemporaryDirectory

import nbformat
import psutil
from nbformat.v4 import new_code_cell
from nbgrader.utils import determine_grade

from autograder import hidden
from autograder.engine import execute, sandbox, submission
from autograder.engine.execute import Budget, Result
from autograder.engine.grading import _show
from autograder.engine.kernels import ForkedKernelManager, Settings
from autograder.engine.needed import idle_cells
from autograder.question import find
from course.build import lab_path, lessons, solution_path

LESSON = lessons()[0].stem
WRONG, RIGHT = "count_pairs", "merge"  # the exercise that is attacked, and the one beside it
SEED = bytes(32)
QUICK = Budget(cell=15, call=5, submission=120)
LIMITS = sandbox.Limits(
    memory=1 << 30, processes=48, open_files=256, file_size=16 << 20, cpu_seconds=60,
    scratch=32 << 20, inodes=512,
)  # fmt: skip
MERGE = """
def merge(ids, pair, new_id):
    merged, i = [], 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == pair:
            merged.append(new_id)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged
"""


@dataclass(frozen=True)
class Attack:
    """A submission. `tries` says in one sentence what it tries.

    `first` is a cell above the two exercises, `between` one that stands between the check of the
    wrong answer and the right one, `last` one below them; `answer` takes the place of the wrong
    answer, which is else the lab's empty one. `$port`, `$folder` and the like stand for what is in
    reach outside, see `Outside`. `change` makes another file of the notebook's JSON.

    An attack prints `tried` when it has done what it tries, unless it is `silent`, and `REACHED`
    where it has got what it must not get. `earns` are the points of the wrong answer, `beside` those
    of the right one. `sees` looks for what else the attack may have done.
    """

    name: str
    tries: str
    first: str = ""
    answer: str = ""
    between: str = ""
    last: str = ""
    change: Callable[[dict], dict | str | bytes] | None = None
    silent: bool = False
    earns: float = 0.0
    beside: float = 2.0
    budget: Budget = QUICK
    sees: Callable[["Outcome"], None] | None = None

    def __str__(self) -> str:
        return self.name


@dataclass
class Outside:
    """What lies next to a submission and must not be reached: files, ports and sockets."""

    folder: Path
    connected: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    def fill(self, code: str) -> str:
        return Template(code).safe_substitute(self.names)


@dataclass
class Outcome:
    """What came of an attack."""

    attack: Attack
    result: Result
    notebook: nbformat.NotebookNode
    outside: Outside
    left: list[str]

    def earned(self, question: str) -> float:
        """The points that nbgrader reads for a question."""
        for cell in self.notebook.cells:
            if cell.metadata.get("nbgrader", {}).get("grade_id") == f"check_{question}":
                score, _ = determine_grade(cell)
                return float(score)
        raise LookupError(question)

    @property
    def outputs(self) -> str:
        """All that students and instructors get to see of what cells put out."""
        cells = self.notebook.cells
        return json.dumps([cell.get("outputs", []) for cell in cells], ensure_ascii=False)

    @property
    def reports(self) -> str:
        return json.dumps([self.result.entries, self.result.notes], ensure_ascii=False)


# --- the lab


@cache
def source() -> nbformat.NotebookNode:
    """The solution notebook, cut down to its set-up and two exercises."""
    whole = nbformat.read(solution_path(LESSON), as_version=4)
    wanted = {f"{prefix}{name}" for name in (WRONG, RIGHT) for prefix in ("", "check_")}
    whole.cells = [
        cell
        for cell in whole.cells
        if "setup" in cell.metadata.get("tags", [])
        or cell.metadata.get("nbgrader", {}).get("grade_id") in wanted
    ]
    return whole


@cache
def _released() -> nbformat.NotebookNode:
    """The same cells as a student gets them."""
    kept = {cell.id for cell in source().cells}
    lab = nbformat.read(lab_path(LESSON), as_version=4)
    lab.cells = [cell for cell in lab.cells if cell.id in kept]
    return lab


def submitted(attack: Attack, outside: Outside) -> dict | str | bytes:
    """The file that a student sends in: JSON, or whatever the attack makes of it."""
    notebook = copy.deepcopy(_released())
    cells = []
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name == WRONG:
            cells += _cell("attack-first", attack.first, outside)
            cell.source = outside.fill(attack.answer) or cell.source
        if name == RIGHT:
            cells += _cell("attack-between", attack.between, outside)
            cell.source = MERGE
        cells.append(cell)
    notebook.cells = cells + _cell("attack-last", attack.last, outside)
    tree = json.loads(nbformat.writes(notebook))
    return attack.change(tree) if attack.change else tree


def _cell(name: str, code: str, outside: Outside) -> list:
    return [new_code_cell(outside.fill(code), id=name)] if code else []


# --- running one


def run(attack: Attack) -> Outcome:
    """Grades an attack's submission as the engine would."""
    with outside_world() as outside:
        made = submitted(attack, outside)
        path = outside.folder / "submitted" / f"{LESSON}.ipynb"
        path.parent.mkdir()
        if isinstance(made, dict):
            made = json.dumps(made)
        path.write_bytes(made if isinstance(made, bytes) else made.encode())
        asked = submission.checks(source())
        with started_kernels() as managers:
            notebook = submission.restored(submission.read(path), source())
            settings = Settings(LIMITS, threads=1)
            idle = frozenset(idle_cells(notebook, source()))
            work = execute.run(notebook, asked, SEED, settings, attack.budget, idle)
            result = asyncio.run(work)
        _show(notebook, asked, result)
        outcome = Outcome(attack, result, notebook, outside, what_is_left(managers))
        assert (outside.folder / "secret.txt").read_text() == outside.names["secret"]
        if attack.sees:
            attack.sees(outcome)
    return outcome


@contextmanager
def started_kernels():
    """Notes the kernel managers that are made, with the process of each."""
    managers: list[dict] = []
    original = ForkedKernelManager._async_pre_start_kernel

    async def noted(self, **kwargs):
        managers.append({"manager": self, "folder": self.place.folder})
        return await original(self, **kwargs)

    ForkedKernelManager.pre_start_kernel = noted
    try:
        yield managers
    finally:
        ForkedKernelManager.pre_start_kernel = original


def what_is_left(managers: list[dict]) -> list[str]:
    """Folders and processes of kernels that are over."""
    left = [str(m["folder"]) for m in managers if m["folder"].exists()]
    for started in managers:
        pid = started["manager"].provisioner.pid
        if pid is not None and psutil.pid_exists(pid):
            try:
                process = psutil.Process(pid)
                process.wait(5)
            except psutil.NoSuchProcess:
                continue
            except psutil.TimeoutExpired:
                left.append(f"process {pid}: {process.cmdline()}")
    return left


@contextmanager
def outside_world():
    """A folder with a secret, and listeners that note whoever comes."""
    with TemporaryDirectory(prefix="outside-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        secret = os.urandom(16).hex()
        (folder / "secret.txt").write_text(secret)
        (folder / "secret.txt").chmod(0o644)
        outside = Outside(folder)
        abstract = f"outside-{secret[:12]}"
        tcp, udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
        unix, hidden_name = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        tcp.bind(("127.0.0.1", 0))
        udp.bind(("127.0.0.1", 0))
        unix.bind(str(folder / "listener"))
        (folder / "listener").chmod(0o777)
        hidden_name.bind(f"\0{abstract}")
        outside.names = {
            "folder": str(folder), "secret": secret, "abstract": abstract,
            "port": str(tcp.getsockname()[1]), "udp": str(udp.getsockname()[1]),
            "project": str(Path(submission.__file__).resolve().parents[2]),
        }  # fmt: skip
        listeners = {"tcp": tcp, "unix": unix, "abstract": hidden_name}
        for listener in listeners.values():
            listener.listen()
        stop = threading.Event()
        threads = [
            threading.Thread(target=_note, args=(kind, listener, outside, stop))
            for kind, listener in [*listeners.items(), ("udp", udp)]
        ]
        for thread in threads:
            thread.start()
        try:
            yield outside
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            for listener in (*listeners.values(), udp):
                listener.close()


def _note(kind: str, listener: socket.socket, outside: Outside, stop: threading.Event) -> None:
    listener.settimeout(0.1)
    while not stop.is_set():
        try:
            if kind == "udp":
                listener.recvfrom(100)
            else:
                listener.accept()[0].close()
        except TimeoutError:
            continue
        outside.connected.append(kind)


# --- what must never be seen


@cache
def hidden_texts() -> frozenset[str]:
    """The inputs and right answers of the hidden cases, in the ways in which they could be written."""
    texts = set()
    for name in (WRONG, RIGHT):
        question = find(f"lab01.{name}")
        seed = hmac.digest(SEED, question.name.encode(), "sha256").hex()
        visible = {_digits(value) for case in question.visible_cases() for value in _values(case)}
        for case in hidden.hidden_cases(question, Random(seed)):
            texts |= {_digits(value) for value in _values(case)} - visible
    return frozenset(text for text in texts if text.count(" ") >= 4)


def _values(case) -> list:
    return [*case.inputs.values(), case.expected["right"]]


def _digits(value) -> str:
    return " ".join(re.findall(r"\d+", repr(value)))


def leaked(text: str) -> set[str]:
    """The hidden inputs and answers that stand in a text, however its numbers are set apart."""
    numbers = f" {_digits(text)} "
    return {hidden_text for hidden_text in hidden_texts() if f" {hidden_text} " in numbers}
