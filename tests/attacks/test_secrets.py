"""Attacks on what is hidden: cases, oracles, solutions, other submissions, the class's files."""

from autograder.engine.execute import Budget
from tests.attacks.claims import claims
from tests.attacks.harness import Attack

ATTACKS = [
    Attack(
        "hidden inputs printed",
        "Prints and displays every input that the judge sends.",
        answer="""
import os, sys
from IPython.display import display
def count_pairs(ids):
    print(ids)
    display(ids)
    print(ids, file=sys.stderr)
    os.write(1, repr(ids).encode())
    os.write(2, repr(ids).encode())
    return {}
print("tried")
""",
    ),
    Attack(
        "hidden inputs in what is returned",
        "Puts every input into the result's type, keys, text and shape, to have the report say it.",
        answer="""
import torch
def count_pairs(ids):
    name = " ".join(map(str, ids))
    if len(ids) % 3 == 0: return type(name, (), {"__repr__": lambda self: name})()
    if len(ids) % 3 == 1: return {name: torch.zeros([i % 50 for i in ids[:6]])}
    return name
print("tried")
""",
    ),
    Attack(
        "hidden inputs in errors",
        "Puts every input into the name, the message and the line of an error.",
        answer="""
def count_pairs(ids):
    name = "_".join(map(str, ids))
    raise type(name, (ValueError,), {"__module__": "builtins"})(name)
print("tried")
""",
    ),
    Attack(
        "hidden inputs as a line of code",
        "Makes the traceback of an error name a line that spells the input.",
        answer="""
import linecache
def count_pairs(ids):
    text = "raise ValueError(" + repr(ids) + ")"
    linecache.cache[count_pairs.__code__.co_filename] = (1, None, [text + "\\n"] * 900, "")
    exec(compile("\\n" * (ids[0] if ids else 5) + text, count_pairs.__code__.co_filename, "exec"))
print("tried")
""",
    ),
    Attack(
        "hidden inputs told by line numbers",
        "Raises at a line whose number and text, of many in the file, stand for the input.",
        first="\n".join(f"# {i}" for i in range(1, 400)) + '\nprint("tried")',
        answer="""
import autograder.engine.agent as agent, autograder.grade
def count_pairs(ids): raise ValueError
def line_of(error, answer):
    return (700, "# 123")
autograder.grade._line_of.__code__ = line_of.__code__
""",
        sees=lambda outcome: _no_word("line 700", outcome),
    ),
    Attack(
        "hidden inputs in the next kernel",
        "Ends the kernel once it knows inputs, and leaves them in files, names and variables.",
        first="""
import os, glob
for path in glob.glob("/scratch/*") + glob.glob("/tmp/*") + glob.glob("/dev/shm/*"):
    if "told" in path: print("REACHED", open(path).read())
if "TOLD" in os.environ: print("REACHED", os.environ["TOLD"])
print("tried")
""",
        answer="""
def count_pairs(ids):
    for folder in ("/scratch", "/tmp", "/dev/shm", os.path.expanduser("~")):
        try: open(folder + "/told", "a").write(repr(ids))
        except OSError: pass
    os.environ["TOLD"] = repr(ids)
    if len(ids) > 5: os._exit(0)
    return {}
""",
        last="""
for path in glob.glob("/scratch/*") + glob.glob("/tmp/*"):
    if "told" in path: print("REACHED", open(path).read())
""",
    ),
    Attack(
        "hidden inputs in time",
        "Takes long for some inputs and not for others: a report says no more of it than of an error.",
        answer="""
import time
def count_pairs(ids):
    if ids and ids[0] % 2: time.sleep(60)
    return {}
print("tried")
""",
        budget=Budget(cell=8, call=2, submission=120),
    ),
    Attack(
        "frames and gc searched",
        "Searches all objects, frames and modules for the judge, hidden cases and expected values.",
        answer="""
import gc, sys
FOUND = []
def search():
    for thing in gc.get_objects():
        kind = type(thing)
        if kind.__module__.startswith(("autograder.hidden", "autograder.engine.judge")):
            FOUND.append(kind)
        if kind.__name__ in ("Oracle", "Examination", "Gradebook"):
            FOUND.append(kind)
    for name in sys.modules:
        if name.startswith(("autograder.hidden", "autograder.engine.judge", "nbgrader")):
            FOUND.append(name)
    frame = sys._getframe()
    while frame:
        if "expected" in frame.f_locals and frame.f_locals["expected"] is not None:
            FOUND.append("a frame")
        frame = frame.f_back
def count_pairs(ids):
    search()
    return {("REACHED", len(FOUND)): 1} if FOUND else {}
search()
print("REACHED" if FOUND else "tried", FOUND[:5])
""",
    ),
    Attack(
        "hidden modules imported",
        "Imports and reads the hidden cases, the lessons and the solutions by every path.",
        first="""
import glob, importlib, os, sys
sys.path[:0] = ["$project", "$project/autograder", "$folder"]
for name in ("autograder.hidden", "autograder.hidden.lab01", "hidden", "autograder.grading.__main__"):
    try:
        module = importlib.import_module(name)
        if getattr(module, "ORACLES", None) or getattr(module, "hidden_cases", None) or hasattr(module, "main"):
            print("REACHED", name)
    except ImportError: pass
for pattern in ("autograder/hidden/*", "autograder/grading/*", "course/lessons/*", "course/recipes/*",
                "solutions", "labs", "tests", "submitted", "gradebook.db", ".git", ".grading-secret",
                "nbgrader_config.py", "ledger"):
    found = glob.glob("$project/" + pattern)
    if found: print("REACHED", found)
print("tried")
""",
    ),
    Attack(
        "neighbours read",
        "Reads its own file, the folder around it, home folders and what else lies on the machine.",
        first="""
import glob, os
for path in ("$folder/secret.txt", "$folder/submitted", "$folder", "/root/.bashrc", "/etc/shadow",
             "/home", "/var", "/proc/1/root/var", "/proc/self/root/$folder",
             "/proc/1/cwd/../../$folder/secret.txt", "/proc/self/cwd/../$folder/secret.txt"):
    try:
        print("REACHED", path, os.listdir(path)[:3] if os.path.isdir(path) else open(path).read()[:9])
    except OSError: pass
print("tried")
""",
    ),
    Attack(
        "links followed",
        "Makes symbolic and hard links in scratch that lead outside, and opens them.",
        first="""
import os
for name, target in {"a": "$folder", "b": "$folder/secret.txt", "c": "/proc/1/root", "d": "$project/autograder/hidden/lab01.py"}.items():
    for make in (os.symlink, os.link):
        try:
            make(target, name)
            print("REACHED", os.listdir(name) if os.path.isdir(name) and name != "c" else open(name).read()[:9])
        except OSError: pass
        try: os.unlink(name)
        except OSError: pass
print("tried")
""",
    ),
    Attack(
        "memory of processes read",
        "Reads /proc/*/mem, maps, environ, fd and cmdline of every process in sight.",
        first="""
import glob, os
seen = 0
for path in glob.glob("/proc/[0-9]*"):
    if path == f"/proc/{os.getpid()}": seen += 1
    elif "ssh" in open(path + "/cmdline").read() or "pytest" in open(path + "/cmdline").read():
        print("REACHED", path)
for number in os.listdir("/proc/self/fd"):
    try: target = os.readlink("/proc/self/fd/" + number)
    except OSError: continue
    if target.startswith(("/", "pipe:")) and not target.startswith(("/dev/null", "/scratch", "pipe:", "/sockets")):
        try: print("REACHED", target, open("/proc/self/fd/" + number, "rb").read(9))
        except OSError: pass
print("tried")
""",
    ),
    Attack(
        "environment read",
        "Looks for secrets in the environment, the command line and what Python was started with.",
        first="""
import os, sys
told = repr(dict(os.environ)) + repr(sys.argv) + repr(sys.orig_argv) + open("/proc/self/environ").read()
for word in ("SECRET", "_TOKEN", "PASSWORD", "PYTEST", "gradebook", "$folder", "SSH_"):
    if word in told: print("REACHED", word)
print("tried")
""",
    ),
    Attack(
        "grading detected",
        "Behaves otherwise where it sees that it is graded: a wrong answer stays one.",
        answer="""
import os
def count_pairs(ids):
    return {"graded": True} if os.environ.get("NBGRADER_EXECUTION") else dict()
print("tried")
""",
    ),
    Attack(
        "descriptors of the fork",
        "Reads and writes every file descriptor that was open when its kernel was forked.",
        first="""
import os, socket, select
for number in map(int, os.listdir("/proc/self/fd")):
    if number < 3: continue
    try:
        if select.select([number], [], [], 0)[0]:
            data = os.read(number, 200)
            if b"expected" in data or b"seed" in data: print("REACHED", data)
    except OSError: pass
print("tried")
""",
        silent=True,  # it takes bytes of its own kernel's connections
        beside=2.0,
    ),
]


def _no_word(word: str, outcome) -> None:
    assert word not in outcome.reports


test_an_attack_gains_nothing, test_the_right_answer_beside_an_attack_keeps_its_points = claims(
    ATTACKS
)
