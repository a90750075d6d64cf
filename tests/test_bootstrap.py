"""Setting up the environment: a second run does nothing, and each failure has its one sentence.

The real script runs in a small checkout of its own. What it starts, `python -m venv`,
`pip` and `jupyter`, are stand-ins that PYTHONPATH finds first, so nothing is downloaded.
"""

import ast
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]
BOOTSTRAP = ROOT / "course/bootstrap.py"

VENV = """
import os, sys
home = os.path.join(sys.argv[1], "bin")
os.makedirs(home)
os.symlink(sys.executable, os.path.join(home, "python"))
"""
PIP = """
import pathlib
with open("runs", "a") as runs:
    runs.write("pip ")
"""


class Checkout:
    """A folder with the script, the files that it reads, and stand-ins for what it starts."""

    def __init__(self, folder):
        self.folder = folder
        self.venv = folder / ".venv"
        self.log = os.path.join(".venv", "course-setup.log")
        (folder / "course").mkdir()
        shutil.copy(BOOTSTRAP, folder / "course")
        for name in ("pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, folder)
        self.replace("venv", VENV)
        self.replace("pip", PIP)
        self.replace("jupyter", "")

    def replace(self, module, text):
        """Let `python -m module` run this text instead."""
        (self.folder / f"{module}.py").write_text(text)

    def set_up(self):
        """Run the script as make does."""
        return subprocess.run(
            [sys.executable, "course/bootstrap.py", ".venv"],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def fails(self):
        """The sentence that the script fails with."""
        done = self.set_up()
        assert done.returncode == 1, done
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr.rstrip("\n")

    def pip_runs(self):
        """How often pip has run."""
        runs = self.folder / "runs"
        return runs.read_text().count("pip") if runs.exists() else 0

    def module(self):
        """The script as a module, to change what it sees."""
        spec = importlib.util.spec_from_file_location(
            "bootstrap", self.folder / "course/bootstrap.py"
        )
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)


def says(text):
    """A pip that prints the text and fails."""
    return f"import sys\nprint({text!r})\nsys.exit(1)\n"


def test_the_first_run_makes_the_environment_and_says_so(checkout):
    done = checkout.set_up()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "Setting up .venv (the first time takes a few minutes) ...",
        ".venv is ready.",
    ]
    assert checkout.pip_runs() == 1


def test_a_second_run_does_nothing(checkout):
    checkout.set_up()
    done = checkout.set_up()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert checkout.pip_runs() == 1


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_dependency_updates_the_environment_in_place(checkout, name):
    checkout.set_up()
    (checkout.venv / "kept").touch()
    with open(checkout.folder / name, "a") as file:
        file.write("# changed\n")
    assert checkout.set_up().stdout.startswith("Updating .venv ...")
    assert checkout.pip_runs() == 2
    assert (checkout.venv / "kept").exists()


def test_an_environment_whose_python_is_gone_is_made_again(checkout):
    checkout.set_up()
    (checkout.venv / "bin/python").unlink()
    assert checkout.set_up().returncode == 0
    assert checkout.pip_runs() == 2


def test_a_moved_checkout_gets_a_new_environment(checkout):
    checkout.set_up()
    (checkout.venv / "old").touch()
    checkout.folder = checkout.folder.rename(checkout.folder.with_name("moved to here"))
    assert checkout.set_up().returncode == 0
    assert not (checkout.folder / ".venv/old").exists()


def test_a_folder_with_other_things_is_left_alone(checkout):
    checkout.venv.mkdir()
    (checkout.venv / "thesis.txt").touch()
    assert checkout.fails().startswith(".venv exists and is not an environment of this course")
    assert os.listdir(checkout.venv) == ["thesis.txt"]


def test_a_failed_set_up_leaves_nothing_that_breaks_the_next(checkout):
    checkout.replace("pip", says("ERROR: no"))
    checkout.fails()
    (checkout.venv / "half-made").touch()
    checkout.replace("pip", PIP)
    assert checkout.set_up().returncode == 0
    assert not (checkout.venv / "half-made").exists()


def test_an_update_that_failed_is_done_again(checkout):
    checkout.set_up()
    (checkout.folder / "constraints.txt").write_text("# none\n")
    checkout.replace("pip", says("ERROR: no"))
    checkout.fails()
    checkout.replace("pip", PIP)
    assert checkout.set_up().returncode == 0
    assert checkout.pip_runs() == 2


def test_an_unknown_failure_names_the_log_and_its_last_line(checkout):
    checkout.replace("pip", says("Collecting torch\nERROR: the moon is in the way\n"))
    assert checkout.fails() == (
        f"Setting up .venv failed: ERROR: the moon is in the way (log: {checkout.log})"
    )
    assert "Collecting torch" in (checkout.folder / checkout.log).read_text()


NO_NETWORK = [
    "NewConnectionError('Failed to establish a new connection: [Errno 111] Connection refused')",
    "[Errno -3] Temporary failure in name resolution",
    "[Errno 8] getaddrinfo failed",
    "ReadTimeoutError: HTTPSConnectionPool(host='a', port=443): Read timed out.",
    "ConnectionResetError: [Errno 104] Connection reset by peer",
    "ERROR: Could not find a version that satisfies the requirement torch (from versions: none)\n"
    "ERROR: No matching distribution found for torch",
]


@pytest.mark.parametrize("words", NO_NETWORK)
def test_no_network_is_named(checkout, words):
    checkout.replace("pip", says(words))
    assert checkout.fails() == (
        f"Packages could not be downloaded: check the network and try again (log: {checkout.log})."
    )


def test_a_version_that_the_index_lacks_is_no_matter_of_the_network(checkout):
    words = "(from versions: 1.0, 2.0)\nERROR: No matching distribution found for torch==9"
    checkout.replace("pip", says(words))
    assert "No matching distribution found for torch==9" in checkout.fails()


def test_a_disk_that_fills_up_is_named(checkout):
    words = (
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
    )
    checkout.replace("pip", says(words))
    assert checkout.fails().startswith("There is not enough room on the disk: .venv takes 2 GB")


def test_a_disk_without_room_is_named_before_anything_is_made(checkout, monkeypatch):
    bootstrap = checkout.module()
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    monkeypatch.setattr(bootstrap, "run", lambda *_: pytest.fail("started all the same"))
    with pytest.raises(SystemExit, match="There is not enough room on the disk"):
        bootstrap.main(str(checkout.venv))


@pytest.mark.parametrize(
    "words",
    [
        "The virtual environment was not created successfully because ensurepip is not available.",
        "/usr/bin/python3: No module named venv",
    ],
)
def test_a_python_without_venv_is_told_what_to_install(checkout, words):
    checkout.replace("venv", says(words))
    python = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    assert f"sudo apt install {python}-venv" in checkout.fails()
    checkout.replace("venv", VENV)
    assert checkout.set_up().returncode == 0


def test_ctrl_c_gets_one_sentence(checkout):
    checkout.replace("pip", "import os, signal\nos.kill(os.getppid(), signal.SIGINT)\n")
    assert checkout.fails() == "Stopped before .venv was ready; the next run makes it."


def test_a_folder_that_cannot_be_made_gets_one_sentence(checkout):
    checkout.venv.touch()
    assert checkout.fails().startswith("Setting up .venv failed: [Errno ")


@pytest.fixture
def old(checkout, monkeypatch):
    """The script as an older Python would see it, with an empty PATH in place of the machine's."""
    bootstrap = checkout.module()
    path = checkout.folder / "path"
    path.mkdir()
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setattr(bootstrap, "sys", SimpleNamespace(**vars(sys)))
    bootstrap.sys.version_info = (3, 10, 4, "final", 0)
    bootstrap.sys.argv = ["bootstrap.py", ".venv"]
    return bootstrap, path


def command(path, prints):
    """Make an executable that prints something."""
    path.write_text(f"#!/bin/sh\necho {prints}\n")
    path.chmod(0o755)


def test_a_wrong_python_is_named_with_those_that_work(old):
    bootstrap, _ = old
    with pytest.raises(SystemExit) as stop:
        bootstrap.main(".venv")
    assert str(stop.value) == (
        "The course needs Python 3.11 to 3.13 and found only 3.10: install one of them, "
        "or say where it is with make PYTHON3=/path/to/python3."
    )


def test_a_wrong_python_hands_over_to_the_newest_right_one(old, monkeypatch):
    bootstrap, path = old
    command(path / "python3.13", "3.10.4")  # not what it is called
    command(path / "python3.12", "3.12.1")
    command(path / "python3.11", "3.11.9")
    calls = []
    monkeypatch.setattr(bootstrap.os, "execvp", lambda *call: calls.append(call) or sys.exit())
    with pytest.raises(SystemExit):
        bootstrap.main(".venv")
    assert calls == [("python3.12", ["python3.12", "bootstrap.py", ".venv"])]


def test_an_old_python_can_read_the_script():
    tree = ast.parse(BOOTSTRAP.read_text(), feature_version=(3, 5))
    assert not any(isinstance(node, ast.JoinedStr) for node in ast.walk(tree))
    assert BOOTSTRAP.read_text().isascii()


def make(*arguments):
    """Run make in the checkout, not as a part of the make that may run this test."""
    outer = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "HF_HUB_OFFLINE"}
    env = {name: value for name, value in os.environ.items() if name not in outer}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=env, capture_output=True, text=True)


def test_an_unknown_target_gets_one_sentence():
    done = make("nosuchtarget")
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == (
        "There is no target 'nosuchtarget'; `make help` lists them."
    )


def test_make_alone_lists_every_target():
    listed = {line.split()[1] for line in make().stdout.splitlines()}
    assert {"lab", "test", "notebooks", "grade", "samples", "constraints", "clean"} <= listed


def make_with(python, target, folder):
    """What each step of a target prints when this shell line stands for the environment's Python."""
    venv = folder / "with a space"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin/python").write_text(f"#!/bin/sh\n{python}\n")
    (venv / "bin/python").chmod(0o755)
    done = make("--silent", target, f"VENV={venv}", "PYTHON3=true")
    return done.returncode, done.stdout.splitlines()


def test_make_test_runs_every_step_offline(tmp_path):
    assert make_with('echo "$HF_HUB_OFFLINE $2 $3"', "test", tmp_path) == (
        0,
        ["1 ruff check", "1 ruff format", "1 pytest tests", "1 pytest --nbval"],
    )


def test_make_test_stops_at_the_first_failure(tmp_path):
    code, steps = make_with('echo "$2 $3"; [ "$3" != format ]', "test", tmp_path)
    assert (code, steps) == (2, ["ruff check", "ruff format"])


def test_make_lab_leaves_the_network_to_the_student(tmp_path):
    assert make_with('echo "<$HF_HUB_OFFLINE> $2"', "lab", tmp_path) == (0, ["<> jupyterlab"])


def test_ci_runs_make_test_in_an_environment_that_it_removes(tmp_path):
    (tmp_path / "temporary").mkdir()
    command(tmp_path / "make", '"$PWD" "$@"; mkdir "${2#VENV=}"; exit 3')
    done = subprocess.run(
        [ROOT / ".ci/run"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "TMPDIR": str(tmp_path / "temporary"),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 3
    assert f"{ROOT} test VENV={tmp_path}/temporary/" in done.stdout
    assert not os.listdir(tmp_path / "temporary")
