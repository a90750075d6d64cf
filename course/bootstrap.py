# Any Python must be able to read this file, if only to say that it is too old or too new.
# ruff: noqa: RUF005, UP031
"""Make the virtual environment of the course: `python3 course/bootstrap.py .venv`.

Standard library only. A second run returns at once; a failed one ends with one sentence.
"""

import errno
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

OLDEST, NEWEST = (3, 11), (3, 13)
LEAST_GB = 3  # free space without which there is no point in starting
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STAMP, LOG = "course-setup.stamp", "course-setup.log"
UNFINISHED = "unfinished"
NEWS = "@jupyterlab/apputils-extension:announcements"

WRONG_PYTHON = (
    "The course needs Python {0}.{1} to {2}.{3} and found only {4}.{5}: install one of them, "
    "or say where it is with make PYTHON3=/path/to/python3."
)
NOT_OURS = (
    "{venv} exists and is not an environment of this course: remove it, "
    "or choose another folder with make VENV=/path/to/folder."
)
NO_SPACE = (
    "There is not enough room on the disk: {venv} takes 2 GB (6 GB on Linux, where torch brings "
    "CUDA), and pip up to 2 GB more in {temp} while it installs."
)
NO_VENV = (
    "Python {python} cannot make virtual environments: install its venv module "
    "(Debian and Ubuntu: sudo apt install python{python}-venv)."
)
NO_NETWORK = "Packages could not be downloaded: check the network and try again (log: {log})."
STOPPED = "Stopped before {venv} was ready; the next run makes it."
UNKNOWN = "Setting up {venv} failed: {last}"

REASONS = [  # what an error says, and the sentence for it; the first that fits
    (r"No space left on device|Disk quota exceeded|not enough space on the disk", NO_SPACE),
    (r"ensurepip is not available|No module named '?(venv|ensurepip)", NO_VENV),
    (
        r"Connection ?(Error|aborted|broken|reset|refused)|name resolution|getaddrinfo|timed out"
        r"|from versions: none",
        NO_NETWORK,
    ),
    (r"", UNKNOWN),
]


def main(venv):
    """Bring the environment in the folder `venv` up to date, or exit with one sentence."""
    try:
        if not OLDEST <= sys.version_info[:2] <= NEWEST:
            hand_over()
        set_up(venv)
    except KeyboardInterrupt:
        sys.exit(STOPPED.format(venv=venv))
    except OSError as error:
        fail(venv, str(error))


def hand_over():
    """Start again with a Python that the course runs on, if there is one on PATH."""
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        python = "python3.%d" % minor
        if version(python).startswith("3.%d." % minor):
            os.execvp(python, [python] + sys.argv)
    sys.exit(WRONG_PYTHON.format(*(OLDEST + NEWEST + sys.version_info[:2])))


def set_up(venv):
    """Make the environment, or update it where it still works, unless nothing has changed."""
    home, stamp = home_of(venv), read(venv, STAMP)
    if home and stamp == home + digest():
        return
    if home and (not stamp or stamp.startswith(home)):
        say("Updating " + venv + " ...")
        if stamp:
            write(venv, STAMP, UNFINISHED)
    else:
        say("Setting up " + venv + " (the first time takes a few minutes) ...")
        clear(venv)
        if shutil.disk_usage(venv).free < LEAST_GB * 1e9:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        run(venv, [sys._base_executable, "-m", "venv", os.path.abspath(venv)])
    pip = [python_of(venv), "-m", "pip", "install", "--no-input", "--progress-bar", "off"]
    run(venv, pip + ["-c", "constraints.txt", "-e", "."])
    # JupyterLab would ask each new user whether it may fetch news.
    jupyter = [python_of(venv), "-m", "jupyter", "labextension"]
    run(venv, jupyter + ["disable", "--level=sys_prefix", NEWS])
    write(venv, STAMP, home_of(venv) + digest())
    say(venv + " is ready.")


def clear(venv):
    """Empty the folder of an environment, and mark it: it may be emptied again until it is done."""
    if not os.path.isdir(venv):
        os.makedirs(venv)
    if os.listdir(venv) and STAMP not in os.listdir(venv):
        sys.exit(NOT_OURS.format(venv=venv))
    write(venv, STAMP, UNFINISHED)
    for name in os.listdir(venv):
        path = os.path.join(venv, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif name != STAMP:
            os.remove(path)


def run(venv, command):
    """Run a command in the checkout with its output in the log; exit with a sentence if it fails."""
    path = os.path.join(venv, LOG)
    with open(path, "wb") as log:
        code = subprocess.call(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
    if code:
        end = read(venv, LOG).rstrip().splitlines()[-30:]
        fail(venv, "\n".join(end) + " (log: " + path + ")")


def fail(venv, error):
    """Exit with the sentence for an error's text."""
    reason = next(reason for pattern, reason in REASONS if re.search(pattern, error))
    facts = {
        "venv": venv,
        "python": "%d.%d" % sys.version_info[:2],
        "temp": tempfile.gettempdir(),
        "log": os.path.join(venv, LOG),
        "last": error.splitlines()[-1],
    }
    sys.exit(reason.format(**facts))


def home_of(venv):
    """The first line of a stamp: the Python, the folder and the checkout that belong together."""
    python = version(python_of(venv))
    return python and "Python %s in %s for %s\n" % (python, os.path.abspath(venv), ROOT)


def digest():
    """A digest of the files that say what to install."""
    texts = [read(ROOT, name) for name in ("pyproject.toml", "constraints.txt")]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def python_of(venv):
    """The environment's own Python."""
    return os.path.join(os.path.abspath(venv), "Scripts" if os.name == "nt" else "bin", "python")


def version(python):
    """The version of the Python with that name or path, such as "3.12.1"; "" if it does not run."""
    ask = "import sys; print(sys.version.split()[0])"
    try:
        with open(os.devnull, "w") as null:
            return subprocess.check_output([python, "-c", ask], stderr=null).decode().strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def read(folder, name):
    """The text of a file, or "" where there is none."""
    path = os.path.join(folder, name)
    if not os.path.isfile(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def write(folder, name, text):
    """Write a small text file."""
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text)


def say(line):
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
