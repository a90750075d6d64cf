"""Attacks on what is outside: the network, other processes, files that are not the kernel's."""

import json
import socket

import psutil

from tests.attacks.claims import claims
from tests.attacks.harness import Attack, Outcome

MARK = "47110815"  # an argument by which processes of these attacks are found


def nothing_runs(outcome: Outcome) -> None:
    """No process that the attack started is left."""
    for process in psutil.process_iter(["cmdline"]):
        assert MARK not in (process.info["cmdline"] or []), process


def nothing_listens(outcome: Outcome) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        assert client.connect_ex(f"\0attack-{MARK}") != 0


ATTACKS = [
    Attack(
        "the network",
        "Connects to ports of this machine over TCP and UDP, asks for a name, and listens.",
        first="""
import socket, urllib.request
for kind, port in ((socket.SOCK_STREAM, $port), (socket.SOCK_DGRAM, $udp)):
    for host in ("127.0.0.1", "localhost", "0.0.0.0"):
        try:
            made = socket.socket(socket.AF_INET, kind)
            made.settimeout(1)
            made.connect((host, port))
            made.send(b"hello")
            if kind == socket.SOCK_STREAM: print("REACHED", host)
        except OSError: pass
for family in (socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET, socket.AF_VSOCK):
    try:
        socket.socket(family, socket.SOCK_RAW)
        print("REACHED", family)
    except OSError: pass
try: print("REACHED", urllib.request.urlopen("http://127.0.0.1:$port", timeout=1))
except OSError: pass
print("tried")
""",
    ),
    Attack(
        "sockets of others",
        "Connects to Unix sockets of other processes, by path and by abstract name.",
        first="""
import glob, socket
names = ["$folder/listener", "\\0$abstract", "/run/docker.sock", "/var/run/docker.sock", "/run/dbus/system_bus_socket"]
names += glob.glob("/tmp/language-model-course-*/*") + glob.glob("/tmp/.X11-unix/*") + glob.glob("/run/*/*")
for name in names:
    made = socket.socket(socket.AF_UNIX)
    try:
        made.connect(name)
        print("REACHED", name)
    except OSError: pass
print("tried")
""",
    ),
    Attack(
        "a listener left",
        "Listens under an abstract name, from a process of its own session.",
        first=f"""
import os, socket, time
if os.fork() == 0:
    os.setsid()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("\\\\0attack-{MARK}")
    listener.listen()
    time.sleep(60)
    os._exit(0)
print("tried")
""",
        sees=nothing_listens,
    ),
    Attack(
        "a daemon",
        "Starts processes that leave their session and wait for the kernel's end.",
        first=f"""
import os, signal, subprocess, sys
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in range(1, 32):
                try: signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError): pass
            os.execv("/bin/sleep", ["sleep", "{MARK}"])
        os._exit(0)
subprocess.Popen(["sleep", "{MARK}"], start_new_session=True, stdin=subprocess.DEVNULL,
                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print("tried")
""",
        sees=nothing_runs,
    ),
    Attack(
        "files outside",
        "Writes to the folder beside it, the project, home, the packages, and links that lead there.",
        first="""
import os, pathlib, sys, torch
for path in ("$folder/secret.txt", "$folder/new", "$project/gradebook.db", "$project/autograder/hidden/x",
             "$project/autograder/grade.py", torch.__file__, sys.executable, "/etc/passwd", "/usr/x",
             "/root/x", "/home/x", "/sockets/x", "/dev/x", "/proc/sys/kernel/core_pattern"):
    for mode in ("a", "w"):
        try:
            open(path, mode).write("x")
            print("REACHED", path)
        except OSError: pass
    try:
        os.symlink(path, "link")
        open("link", "a").write("x")
        print("REACHED", path)
    except OSError: pass
    finally:
        pathlib.Path("link").unlink(missing_ok=True)
    for act in (os.unlink, os.chmod, os.utime):
        try:
            act(path, 0o777) if act is os.chmod else act(path)
            print("REACHED", path)
        except OSError: pass
print("tried")
""",
    ),
    Attack(
        "the gradebook",
        "Looks for the gradebook, ledger and secret through every folder that it can list.",
        first="""
import os
for top in ("/", "/tmp", "$project", "$folder"):
    for folder, folders, files in os.walk(top):
        folders[:] = [f for f in folders if f not in ("proc", "sys", "site-packages", "usr", "lib")]
        for name in files:
            if name in ("gradebook.db", ".grading-secret", "secret.txt") or name.endswith(".ipynb"):
                print("REACHED", folder, name)
print("tried")
""",
    ),
    Attack(
        "signals to others",
        "Sends signals to every process number in sight, and to its group, parent and process 1.",
        first="""
import os, signal
for pid in [*range(2, 4000), os.getppid()]:
    if pid != os.getpid():
        try: os.kill(pid, signal.SIGKILL)
        except OSError: pass
for number in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGKILL):
    os.kill(1, number)
print("tried")
""",
    ),
    Attack(
        "stopped",
        "Stops and kills itself and its process group.",
        first="""
import os, signal, threading
os.kill(os.getpid(), signal.SIGSTOP)
os.killpg(0, signal.SIGSTOP)
os.kill(os.getpid(), signal.SIGKILL)
signal.raise_signal(signal.SIGTSTP)
print("tried")
""",
    ),
    Attack(
        "privileges",
        "Asks for namespaces, mounts, tracing, other users, limits and devices.",
        first="""
import ctypes, os, resource
libc = ctypes.CDLL(None, use_errno=True)
calls = {"unshare": (0x10000000,), "setns": (0, 0), "mount": (b"none", b"/tmp", b"tmpfs", 0, None),
         "umount2": (b"/proc", 2), "chroot": (b"/",), "ptrace": (16, os.getpid() + 1, 0, 0),
         "setuid": (0,), "setgid": (0,), "sethostname": (b"x", 1), "reboot": (0,), "swapoff": (b"/x",)}
for name, arguments in calls.items():
    if getattr(libc, name)(*arguments) == 0: print("REACHED", name)
for kind in (resource.RLIMIT_NPROC, resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):
    soft, hard = resource.getrlimit(kind)
    try:
        resource.setrlimit(kind, (hard + 1, hard + 1))
        print("REACHED limit", kind)
    except (OSError, ValueError): pass
for call in (lambda: os.nice(-5), lambda: os.mknod("/scratch/sda", 0o60666, os.makedev(8, 0)), os.setgroups.__call__ and (lambda: os.setgroups([0]))):
    try:
        call()
        print("REACHED a call")
    except OSError: pass
print("tried")
""",
    ),
    Attack(
        "messages of its own",
        "Sends messages with the kernel's key on every channel: results, errors, replies, an end.",
        first="""
import json
from IPython.display import display
kernel = get_ipython().kernel
parent = kernel.get_parent("shell")
def say(kind, **content): kernel.session.send(kernel.iopub_socket, kind, content, parent=parent)
print("tried")
say("execute_result", data={"text/plain": "1.0"}, metadata={"nbgrader": 1}, execution_count="<script>REACHED</script>")
say("execute_input", code="1", execution_count={"<b>": "REACHED"})
say("display_data", data=[1], metadata=None)
say("display_data", data={"text/plain": {"a": "REACHED"}, 7: 1}, metadata={})
say("stream", name="REACHED", text=["REACHED"])
say("error", ename=None, evalue={"x": "REACHED"}, traceback="REACHED")
say("no_such_type")
say("clear_output", wait="REACHED")
say("update_display_data", data={"text/plain": "REACHED"}, metadata={}, transient={"display_id": "x"})
say("comm_open", comm_id="x", target_name="jupyter.widget", data={"state": {"_model_module": "@jupyter-widgets/output", "_model_name": "OutputModel"}})
print("tried")
""",
        between="print('tried again')",
        sees=lambda outcome: _is_valid(outcome),
    ),
    Attack(
        "replies of its own",
        "Ends its cell by forged replies and idle messages before the cell is over.",
        first="""
import time
kernel = get_ipython().kernel
parent = kernel.get_parent("shell")
print("tried")
for socket in (kernel.iopub_socket,):
    for state in ("idle", "busy", None, {"x": 1}, "dead"):
        kernel.session.send(socket, "status", {"execution_state": state}, parent=parent)
    kernel.session.send(socket, "execute_reply", {"status": "ok", "execution_count": "REACHED"}, parent=parent)
    kernel.session.send(socket, "shutdown_reply", {"restart": True}, parent=parent)
""",
        silent=True,  # what it printed may come after its forged end
        answer="""
kernel.session.send(kernel.iopub_socket, "execute_result", {"data": {"text/plain": "1.0"}, "metadata": {}, "execution_count": 1}, parent=kernel.get_parent("shell"))
""",
    ),
    Attack(
        "outputs of other cells",
        "Displays into, updates and clears the outputs of other cells, by display ids and comms.",
        first="""
from IPython.display import display, update_display, clear_output
handle = display("here", display_id="one")
print("tried")
""",
        between="""
handle.update("REACHED")
display("REACHED" if False else "there", display_id="one")
update_display("REACHED", display_id="one")
import ipywidgets
widget = ipywidgets.Output()
with widget: print("in a widget")
display(widget)
""",
    ),
    Attack(
        "the kernel's own end",
        "Asks its own kernel to shut down and to restart, on its control channel.",
        first="""
import json, zmq
kernel = get_ipython().kernel
print("tried")
about = json.load(open("/scratch/kernel.json"))
context = zmq.Context()
control = context.socket(zmq.DEALER)
control.setsockopt(zmq.LINGER, 0)
control.connect("ipc://" + about["ip"] + "-" + str(about["control_port"]))
kernel.session.send(control, "interrupt_request", {})
get_ipython().ask_exit()
exit()
""",
    ),
]


def _is_valid(outcome: Outcome) -> None:
    import nbformat

    nbformat.validate(outcome.notebook)
    shown = json.dumps([cell.get("execution_count") for cell in outcome.notebook.cells])
    assert "script" not in shown


test_an_attack_gains_nothing, test_the_right_answer_beside_an_attack_keeps_its_points = claims(
    ATTACKS
)
