"""Attacks on the class: submissions that would wear the machine down, or never end."""

from autograder.engine.execute import Budget
from tests.attacks.claims import claims
from tests.attacks.harness import Attack, Outcome

SHORT = Budget(cell=3, call=3, submission=120)


def says(*words: str):
    """The report, or the notes in the notebook, name what happened."""

    def look(outcome: Outcome) -> None:
        for word in words:
            assert word in outcome.outputs + outcome.reports, outcome.outputs

    return look


def is_short(outcome: Outcome) -> None:
    assert len(outcome.outputs) < 1_000_000
    ends = ("the rest is cut", "was stopped", "ended the kernel", "could not be read")  # the first
    assert any(end in outcome.outputs for end in ends), outcome.outputs


ATTACKS = [
    Attack(
        "an endless loop in a cell",
        "Loops without end in a cell.",
        first="while True: pass",
        silent=True,
        budget=SHORT,
        sees=says("ran for more than 3 s and was stopped"),
    ),
    Attack(
        "an endless loop that swallows interrupts",
        "Loops without end in a cell and takes every interrupt as a reason to go on.",
        first="""
def swallow():
    while True:
        try:
            while True: pass
        except BaseException: pass
        finally: continue
swallow()
""",
        silent=True,
        budget=SHORT,
        sees=says("ran for more than 3 s and was stopped"),
    ),
    Attack(
        "signals blocked",
        "Blocks and ignores all signals, then sleeps.",
        first="""
import signal, time
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
signal.signal = lambda *a: None
time.sleep(1000)
""",
        silent=True,
        budget=SHORT,
        sees=says("was stopped"),
    ),
    Attack(
        "an endless call",
        "Loops without end in the answer, and swallows interrupts.",
        answer="""
def count_pairs(ids):
    while True:
        try:
            while True: pass
        except BaseException: pass
print("tried")
""",
        budget=SHORT,
        sees=says("took too long"),
    ),
    Attack(
        "a lock never given back",
        "Holds the interpreter's lock in one long call of C.",
        answer="""
def count_pairs(ids):
    return {1: sum(range(10**12))}
print("tried")
""",
        budget=SHORT,
    ),
    Attack(
        "an exit",
        "Ends the kernel in a cell with os._exit and with sys.exit.",
        first="import sys\nprint('tried')\nsys.exit(0)",
        between="import os\nos._exit(0)",
        sees=says("This cell ended the kernel"),
    ),
    Attack(
        "an exit in an answer",
        "Ends the kernel when the answer is called.",
        answer="""
import os
def count_pairs(ids): os._exit(0)
print("tried")
""",
    ),
    Attack(
        "a crash",
        "Crashes the kernel by writing to address 0, in a cell and in the answer.",
        first="import ctypes\nctypes.string_at(0)",
        answer="""
import ctypes
def count_pairs(ids): ctypes.string_at(0)
print("tried")
""",
    ),
    Attack(
        "a memory bomb",
        "Takes all memory that it can get, in a cell and in the answer.",
        first="""
print("tried")
hoard = []
while True: hoard.append(bytearray(50_000_000))
""",
        answer="""
hoard = []
import torch
def count_pairs(ids):
    kept = []
    while len(ids) > 6: kept.append(torch.ones(20_000_000))
""",
    ),
    Attack(
        "a fork bomb",
        "Forks processes without end.",
        first="""
import os
print("tried")
for _ in range(5000):
    try:
        if os.fork() == 0:
            while True:
                try: os.fork()
                except OSError: pass
    except OSError: break
""",
        budget=SHORT,
        silent=True,
    ),
    Attack(
        "a thread bomb",
        "Starts threads without end.",
        first="""
import threading, time
n = 0
try:
    while n < 5000:
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        n += 1
except RuntimeError: pass
print("tried", n)
if n > 1000: print("REACHED")
""",
    ),
    Attack(
        "a disk bomb",
        "Fills every folder that it can write to, with large files and with many.",
        first="""
import os
written = made = 0
for folder in ("/scratch", "/tmp", "/dev/shm", "/sockets", "/var/tmp"):
    for i in range(20):
        try:
            with open(f"{folder}/large{i}", "wb") as file:
                for _ in range(100):
                    written += file.write(bytes(1 << 20))
                    file.flush()
        except OSError: pass
    for i in range(3000):
        try:
            open(f"{folder}/small{i}", "x").close()
            made += 1
        except OSError: break
print("tried")
if written > 300 << 20 or made > 5000: print("REACHED", written, made)
""",
    ),
    Attack(
        "descriptors used up",
        "Opens files and sockets until there are no more, and keeps them.",
        first="""
import os, socket
kept = []
try:
    while True: kept += [os.open("/dev/null", os.O_RDONLY), *socket.socketpair()]
except OSError: pass
os.close(os.open("/dev/null", 0)) if False else None
print("tried")
if len(kept) > 1000: print("REACHED")
for thing in kept[:20]: thing.close() if hasattr(thing, "close") else os.close(thing)
""",
    ),
    Attack(
        "descriptors closed",
        "Closes every file descriptor that the kernel has.",
        first="import os\nos.closerange(0, 1000)",
        silent=True,
        budget=SHORT,
    ),
    Attack(
        "a flood of text",
        "Prints without end on stdout, stderr and the files below them.",
        first="""
import os, sys, threading
print("tried")
def flood(write):
    while True: write("x" * 10000 + "\\n")
threading.Thread(target=flood, args=(lambda t: os.write(1, t.encode()),), daemon=True).start()
threading.Thread(target=flood, args=(sys.stderr.write,), daemon=True).start()
while True: print("y" * 10000)
""",
        budget=SHORT,
        silent=True,  # what came before the flood may be lost in it
        sees=is_short,
    ),
    Attack(
        "a flood of displays and errors",
        "Displays without end, and sends errors, each small enough by itself.",
        first="""
kernel = get_ipython().kernel
parent = kernel.get_parent("shell")
print("tried")
for i in range(800):
    kernel.session.send(kernel.iopub_socket, "error", {"ename": "x", "evalue": "", "traceback": ["x" * 1000]}, parent=parent)
    display({"text/html": "<b>" + "x" * 1000}, raw=True)
""",
        sees=is_short,
    ),
    Attack(
        "one large message",
        "Sends single messages of hundreds of megabytes.",
        first="""
kernel = get_ipython().kernel
print("tried")
text = "x" * 180_000_000
kernel.session.send(kernel.iopub_socket, "stream", {"name": "stdout", "text": text}, parent=kernel.get_parent("shell"))
raise ValueError(text)
""",
        silent=True,
    ),
    Attack(
        "torch left in pieces",
        "Changes torch, builtins, random state and settings so that later right answers would fail.",
        first="""
import torch, warnings
print("tried")
for name in ("zeros", "tensor", "equal", "isclose", "cat", "stack"): setattr(torch, name, None)
torch.Tensor.__add__ = torch.Tensor.detach = torch.Tensor.relu = None
torch.nn.Module.__call__ = None
torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)
warnings.simplefilter("error")
""",
    ),
    Attack(
        "time for later cells used up",
        "Takes the whole time of the submission after its right answers.",
        last="import time\nprint('tried')\nwhile True: time.sleep(1)",
        budget=Budget(cell=4, call=3, submission=60),
    ),
]

test_an_attack_gains_nothing, test_the_right_answer_beside_an_attack_keeps_its_points = claims(
    ATTACKS
)
