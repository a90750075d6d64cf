"""Each claim of the sandbox is tried from inside, as root and as an ordinary user."""

import contextlib
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from autograder.engine import linux, sandbox, seccomp

ROOT = Path(__file__).resolve().parents[1]
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
LIMITS = {
    "memory": 1 << 30, "processes": 20, "open_files": 40, "file_size": 1 << 20,
    "cpu_seconds": 20, "scratch": 8 << 20, "inodes": 200,
}  # fmt: skip

pytestmark = pytest.mark.skipif(not linux.AVAILABLE, reason="the sandbox is made of Linux")


class _Told(dict):
    """What was told; a missing word shows all the others."""

    def __missing__(self, word):
        pytest.fail(f"nothing told of {word}: {self}")


@dataclass
class Place:
    """A project and its Python below a folder of /tmp that is closed to others."""

    home: Path
    command: list[str]  # runs that Python as the user who grades

    @property
    def facts(self) -> dict:
        project, beside = self.home / "project", self.home / "beside"
        return {
            "project": str(project), "read": [str(project)], "hidden": [str(project / "tests")],
            "secret": str(beside / "secret.txt"), "sockets": str(self.home / "sockets"),
            "scratch": "/scratch", "keep": [], "limits": LIMITS,
        }  # fmt: skip

    def start(self, code: str, limits: dict | None = None, **facts) -> subprocess.Popen:
        facts = self.facts | facts | {"limits": LIMITS | (limits or {})}
        keep = facts["keep"]
        harness = str(self.home / "project" / "locked_in.py")
        return subprocess.Popen(
            [*self.command, harness, json.dumps(facts), code],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            text=True, pass_fds=keep, cwd="/",
        )  # fmt: skip

    def run(self, code: str, limits: dict | None = None, refused=False, **facts) -> dict[str, str]:
        """What the code told, by the first word of each line."""
        with self.start(code, limits, **facts) as process:
            text = process.communicate(timeout=60)[0]
        told = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
        assert "ended" not in told and "Traceback" not in text and "status" in told, text
        assert ("The" in told) == refused, text
        return _Told(told)


def _python_for_nobody() -> str | None:
    """A Python new enough that a user without rights may run, its libraries included."""
    for python in (os.path.realpath(sys.executable), "/usr/bin/python3"):
        # setpriv starts what its user may not reach: the program has to look for itself.
        say = "import os, sys; os.stat(sys.executable); sys.exit(sys.version_info < (3, 11))"
        with contextlib.suppress(OSError):
            if subprocess.run([*NOBODY, python, "-c", say], stderr=subprocess.DEVNULL).returncode:
                continue
            return python
    return None


@pytest.fixture(scope="module", params=["as root", "as a user"])
def place(request):
    root, wants_root = os.geteuid() == 0, request.param == "as root"
    if wants_root and not root:
        pytest.skip("this user is not root")
    with tempfile.TemporaryDirectory(dir="/tmp") as home:
        yield _place(Path(home), drop=root and not wants_root)


def _place(home: Path, drop: bool) -> Place:
    project = home / "project"
    for folder in ("tests", "beside", "sockets"):
        (project / folder if folder == "tests" else home / folder).mkdir(parents=True)
    (project / "readable.txt").write_text("read me")
    (project / "tests" / "hidden.txt").write_text("a secret")
    (home / "beside" / "secret.txt").write_text("a secret")
    (project / "way_out").symlink_to(home / "beside")
    (project / "way_in").symlink_to(project / "tests")
    shutil.copytree(ROOT / "autograder" / "engine", project / "autograder" / "engine")
    shutil.copy(ROOT / "tests" / "locked_in.py", project)
    command: list[str] = []
    python = os.path.realpath(sys.executable)
    if drop:
        python = _python_for_nobody()
        if python is None or shutil.which("setpriv") is None:
            pytest.skip("there is no Python here that a user without rights may run")
        command = NOBODY
    folder = home / "venv"
    make = "import sys, venv; venv.create(sys.argv[1], symlinks=True)"
    subprocess.run([python, "-c", make, str(folder)], check=True)
    made = Place(home, [*command, str(folder / "bin" / "python")])
    if drop:
        for path in [home, *home.rglob("*")]:
            os.chown(path, 65534, 65534, follow_symlinks=False)
    can = f"import sys; sys.path.insert(0, {str(project / 'autograder')!r})\n"
    can += "from engine import sandbox; print(*sandbox.missing_layers(), sep=', ')"
    asked = subprocess.run([*made.command, "-c", can], capture_output=True, text=True, cwd="/")
    if set(asked.stdout.strip().split(", ")) & set(sandbox.NEEDED):
        pytest.skip(f"this machine lacks: {asked.stdout.strip()}")
    assert asked.returncode == 0, asked.stderr
    return made


# --- files -----------------------------------------------------------------------------------


def test_only_scratch_is_writable(place):
    told = place.run("""
import os
for path in ("/scratch/a", "/tmp/b", "/dev/shm/c", "/d", "/usr/e", "/etc/f", "/etc/passwd",
             "/dev/g", "/proc/self/comm", "/proc/sys/kernel/hostname", outside["project"] + "/h",
             outside["project"] + "/readable.txt", os.path.dirname(outside["project"]) + "/i",
             outside["project"] + "/tests/j", outside["sockets"] + "/k"):
    tell(path, lambda: open(path, "w").write("x"))
tell("same", lambda: os.path.samefile("/scratch/a", "/tmp/a"))
tell("chmod", lambda: os.chmod(outside["project"] + "/readable.txt", 0o777))
tell("remove", lambda: os.remove(outside["project"] + "/readable.txt"))
tell("cwd", os.getcwd)
""")
    where = place.facts
    written = {path for path, result in told.items() if result == "1" and path != "pid"}
    # Below /tmp the folders that lead to a project there are a part of scratch.
    aside = f"{place.home}/i"
    assert written - {aside} == {"/scratch/a", "/tmp/b", "/dev/shm/c"}, told
    assert not Path(aside).exists() and not Path(where["project"], "h").exists()
    assert told["same"] == "True" and told["cwd"] == "/scratch"
    assert told["chmod"] == told["remove"] == "EROFS"
    assert Path(where["project"], "readable.txt").read_text() == "read me"


def test_the_project_is_read_and_what_is_hidden_in_it_is_empty(place):
    told = place.run("""
import os
project = outside["project"]
tell("open", lambda: open(project + "/readable.txt").read())
for name in ("tests", "way_in", "autograder/../tests"):
    tell(name, lambda: os.listdir(f"{project}/{name}"))
tell("by_proc", lambda: os.listdir(f"/proc/self/root{project}/tests"))
tell("file", lambda: open(project + "/tests/hidden.txt").read())
""")
    assert told["open"] == "read me" and told["file"] == "ENOENT"
    assert {told[n] for n in ("tests", "way_in", "autograder/../tests", "by_proc")} == {"[]"}


def test_nothing_beside_the_view_is_seen(place):
    told = place.run("""
import os
secret = outside["secret"]
tell("secret", lambda: open(secret).read())
tell("link", lambda: os.listdir(outside["project"] + "/way_out"))
os.symlink(secret, "/scratch/link")
tell("new_link", lambda: open("/scratch/link").read())
tell("hard_link", lambda: os.link(outside["project"] + "/readable.txt", "/scratch/hard"))
tell("up", lambda: open("/proc/self/root/../.." + secret).read())
tell("up_cwd", lambda: open("/proc/1/cwd/../../.." + secret).read())
tell("beside", lambda: sorted(os.listdir(os.path.dirname(outside["project"]))))
tell("shadow", lambda: open("/etc/shadow").read())
tell("disks", lambda: [d for d in os.listdir("/dev") if d[:2] in ("sd", "vd", "nv", "lo", "dm")])
tell("mem", lambda: open("/dev/mem"))
tell("root", lambda: sorted(set(os.listdir("/")) & {"home", "var", "opt", "mnt", "boot", "srv"}))
""")
    assert told["secret"] == told["new_link"] == told["up"] == told["up_cwd"] == "ENOENT"
    assert told["link"] == told["shadow"] == told["mem"] == "ENOENT"
    assert told["hard_link"] in ("EXDEV", "EROFS", "EACCES", "EPERM")
    assert "beside" not in told["beside"].replace("'beside'", "beside")
    assert told["disks"] == "[]" and "var" not in told["root"]


def test_another_users_file_in_the_view_stays_closed(place):
    closed = place.home / "project" / "closed.txt"
    closed.write_text("a secret")
    closed.chmod(0)
    if os.geteuid() == 0:
        os.chown(closed, 1234, 1234)
    code = """tell("read", lambda: open(outside["project"] + "/closed.txt").read())"""
    try:
        assert place.run(code)["read"] == "EACCES"
    finally:
        closed.unlink()


def test_a_course_installed_by_root_with_umask_077_is_readable(place):
    if os.geteuid() or "setpriv" in place.command:
        pytest.skip("this user is not root, and reads what is its own")
    folder = place.home / "private"
    folder.mkdir(mode=0o700)
    (folder / "course.py").write_text("x = 1")
    (folder / "course.py").chmod(0o600)
    code = """
import os
tell("read", lambda: open(outside["read"][1] + "/course.py").read())
tell("write", lambda: open(outside["read"][1] + "/course.py", "w"))
"""
    try:
        told = place.run(code, read=[place.facts["project"], str(folder)])
    finally:
        shutil.rmtree(folder)
    assert told["read"] == "x = 1" and told["write"] == "EROFS"


def test_sockets_are_all_that_their_folder_takes(place):
    code = """
import os, socket, time
folder = outside["sockets"]
server = socket.socket(socket.AF_UNIX)
tell("bind", lambda: server.bind(folder + "/kernel"))
server.listen()
tell("file", lambda: open(folder + "/file", "w"))
tell("mkdir", lambda: os.mkdir(folder + "/folder"))
tell("link", lambda: os.symlink("/etc", folder + "/link"))
tell("fifo", lambda: os.mkfifo(folder + "/fifo"))
tell("move", lambda: os.rename(folder + "/kernel", folder + "/other"))
tell("remove", lambda: os.remove(folder + "/kernel"))
sandbox.no_more_sockets()
late = socket.socket(socket.AF_UNIX)
tell("late", lambda: late.bind(folder + "/late"))
tell("again", sandbox.no_more_sockets)
print("ready", flush=True)
tell("talk", lambda: server.accept()[0].recv(10))
"""
    path = place.home / "sockets" / "kernel"
    with place.start(code) as process:
        told = {}
        for line in process.stdout:
            told |= dict([line.strip().partition(" ")[::2]])
            if "ready" in told:
                break
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.send(b"hello")
        told |= dict(line.strip().split(" ", 1) for line in process.stdout)
    assert os.listdir(path.parent) == ["kernel"]
    path.unlink()
    assert told["bind"] == "None" and told["talk"] == "b'hello'", told
    assert told["late"] == "EROFS" and told["again"] == "SandboxError"
    if "Landlock" not in sandbox.missing_layers():
        refused = {told[name] for name in ("file", "mkdir", "link", "fifo", "move", "remove")}
        assert refused == {"EACCES"}, told


@pytest.mark.parametrize("scratch", ["/tmp/deep/scratch", "/tmp"])
def test_scratch_may_lie_below_tmp(place, scratch):
    told = place.run('tell("w", lambda: open(outside["scratch"] + "/a", "w").write("x"))',
                     scratch=scratch)  # fmt: skip
    assert told["w"] == "1"


def test_the_kernels_python_starts_again_inside(place):
    told = place.run("""
import subprocess, sys
tell("out", lambda: subprocess.check_output(
    [sys.executable, "-c", "import ssl, os; print(os.getuid())"], text=True).strip())
tell("prefix", lambda: sys.prefix)
""")
    assert told["out"] == "1000" and told["prefix"] == str(place.home / "venv")


# --- reaching out ----------------------------------------------------------------------------


def test_there_is_no_network(place):
    name = f"\0sandbox-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        told = place.run("""
import socket
for family in ("AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG", "AF_CAN"):
    for kind in ("SOCK_STREAM", "SOCK_DGRAM", "SOCK_RAW"):
        tell(f"{family}/{kind}",
             lambda: socket.socket(getattr(socket, family), getattr(socket, kind)))
tell("pair", lambda: [s.close() for s in socket.socketpair()])
tell("abstract", lambda: socket.socket(socket.AF_UNIX).connect(outside["name"]))
tell("name", lambda: socket.getaddrinfo("example.org", 80))
tell("interfaces", lambda: [i for _, i in socket.if_nameindex()])
""", name=name)  # fmt: skip
    families = {result for what, result in told.items() if what.startswith("AF_")}
    assert families == {"EPERM"}, told
    assert told["pair"] == "[None, None]"
    assert told["abstract"] in ("ECONNREFUSED", "EPERM")
    assert "]" not in told["interfaces"] or told["interfaces"] in ("['lo']", "[]")


def test_only_its_own_processes_are_seen(place):
    told = place.run(f"""
import os, signal
tell("pid", os.getpid)
tell("all", lambda: sorted(int(p) for p in os.listdir("/proc") if p.isdigit()))
tell("kill", lambda: os.kill({os.getpid()}, 0))
tell("everyone", lambda: os.kill(-1, 0))
tell("environ", lambda: open("/proc/{os.getpid()}/environ").read())
tell("sysrq", lambda: open("/proc/sysrq-trigger", "w"))
tell("host", lambda: open("/proc/sys/kernel/core_pattern", "w"))
""")
    if os.path.exists("/proc/self"):
        assert told["all"] in ("[1]", "ENOENT")
    assert told["kill"] == "ESRCH" and told["environ"] == "ENOENT"
    assert {told["sysrq"], told["host"]} <= {"EROFS", "EACCES", "EPERM", "ENOENT"}


def test_open_files_are_left_outside(place):
    secret = os.open(place.facts["secret"], os.O_RDONLY)
    folder = os.open("/", os.O_RDONLY)
    kept, keep = os.pipe()
    code = f"""
import os
tell("file", lambda: os.read({secret}, 10))
tell("folder", lambda: os.listdir({folder}))
tell("kept", lambda: os.write({keep}, b"kept"))
sandbox.no_more_sockets()
tell("all", lambda: [n for n in range(3, 40) if os.path.lexists(f"/proc/self/fd/{{n}}")])
"""
    for number in (secret, folder, keep):
        os.set_inheritable(number, True)
    with subprocess.Popen(
        [*place.command, str(place.home / "project/locked_in.py"),
         json.dumps(place.facts | {"keep": [keep]}), code],
        pass_fds=(secret, folder, keep), stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        text = process.communicate(timeout=60)[0]
    for number in (secret, folder, keep):
        os.close(number)
    assert "file EBADF" in text and "folder EBADF" in text and "kept 4" in text, text
    assert os.read(kept, 10) == b"kept"
    assert f"all [{keep}]" in text, text
    os.close(kept)


# --- privileges ------------------------------------------------------------------------------


def test_it_has_no_privileges(place):
    told = place.run("""
import os
for line in open("/proc/self/status"):
    print(*line.replace(":", "").split(), flush=True)
tell("uid", os.getresuid)
tell("gid", os.getresgid)
tell("root", lambda: os.setuid(0))
tell("outer", lambda: os.setuid(65534))
tell("groups", lambda: os.setgroups([0]))
tell("chown", lambda: (open("/scratch/f", "w").close(), os.chown("/scratch/f", 0, 0)))
tell("device", lambda: os.mknod("/scratch/disk", 0o60666, os.makedev(8, 0)))
tell("nice", lambda: os.nice(-1))
tell("priority", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)))
tell("uid_map", lambda: open("/proc/self/uid_map").read().split())
tell("host", lambda: os.uname().nodename)
import resource
tell("limit", lambda: resource.setrlimit(resource.RLIMIT_NPROC, (1000, 1000)))
""")
    for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb"):
        assert int(told[f"Cap{kind}"], 16) == 0
    assert told["NoNewPrivs"] == "1" and told["Seccomp"] == "2" and told["host"] == "kernel"
    assert told["uid"] == told["gid"] == "(1000, 1000, 1000)"
    refused = {told[n] for n in ("root", "outer", "groups", "chown", "device", "nice", "priority")}
    assert refused <= {"EPERM", "EINVAL", "EACCES"}, told
    user = os.geteuid() or 65534
    assert told["uid_map"] == f"['1000', '{user}', '1']"
    assert told["limit"] == "ValueError"


def test_setuid_programs_give_nothing(place):
    told = place.run("""
import os, shutil, subprocess
for name in ("su", "mount", "passwd", "newgrp", "umount", "ping"):
    if path := shutil.which(name):
        status = os.stat(path)
        tell(name, lambda: subprocess.run(
            [path, "-c", "id -u"], stdin=subprocess.DEVNULL, capture_output=True, timeout=20
        ).stdout)
""")
    assert not any("b'0" in result for result in told.values()), told


CALLS = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *numbers):
    ctypes.set_errno(0)
    result = libc.syscall(*[ctypes.c_long(n) for n in numbers])
    print(name, result if result != -1 else errno.errorcode[ctypes.get_errno()], flush=True)
"""


def test_calls_that_lead_out_are_refused(place):
    column = ["x86_64", "aarch64"].index(platform.machine())
    numbers = {name: both[column] for name, both in seccomp._DENIED.items() if both[column]}
    told = place.run(CALLS + "for name, n in outside['numbers'].items(): call(name, n, 0, 0, 0, 0, 0)",
                     numbers=numbers)  # fmt: skip
    allowed = {name: told[name] for name in numbers if told[name] != "EPERM"}
    assert not allowed and len(numbers) > 50


def test_no_new_namespace_by_any_door(place):
    clone = seccomp._ASKED["clone"][["x86_64", "aarch64"].index(platform.machine())]
    told = place.run(CALLS + f"""
for name in dir(sandbox.linux):
    if name.startswith("CLONE_NEW") and name != "CLONE_NEWTIME":
        call(name, {clone}, getattr(sandbox.linux, name) | 17, 0, 0, 0, 0)
call("clone3", 435, 0, 0)
call("x32", 0x40000000 + 39)
import fcntl, os
tell("typed", lambda: fcntl.ioctl(0, 0x5412, b"x"))
sandbox._missing.cache_clear()
tell("missing", lambda: sandbox.ok())
tell("chroot", lambda: os.chroot("/scratch"))
""")  # fmt: skip
    assert {r for n, r in told.items() if n.startswith("CLONE")} == {"EPERM"}
    assert told["clone3"] == "ENOSYS" and told["typed"] == told["chroot"] == "EPERM"
    assert told["x32"] == "EPERM" or platform.machine() != "x86_64"
    assert told["missing"] == "False"


# --- limits ----------------------------------------------------------------------------------


def test_processes_and_threads_are_limited(place):
    told = place.run("""
import os, signal, threading, time
children = []
def bomb():
    while True:
        if (child := os.fork()) == 0:
            time.sleep(30)
            os._exit(0)
        children.append(child)
tell("fork", bomb)
print("number", len(children), flush=True)
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
wait, threads = threading.Event(), []
def many():
    while True:
        threads.append(threading.Thread(target=wait.wait, daemon=True))
        threads[-1].start()
tell("thread", many)
print("threads", len(threads), flush=True)
""")
    assert told["fork"] == "EAGAIN" and told["thread"] == "RuntimeError", told
    assert int(told["number"]) == LIMITS["processes"] - 1, told
    assert int(told["threads"]) <= LIMITS["processes"]


def test_too_much_memory_is_an_error_and_not_the_end(place):
    told = place.run("""
tell("much", lambda: len(bytearray(2 << 30)))
tell("enough", lambda: len(bytearray(600 << 20)))
import mmap
tell("shared", lambda: mmap.mmap(-1, 2 << 30))
""")
    assert told["much"] == "MemoryError" and told["enough"] == str(600 << 20)
    assert told["shared"] == "ENOMEM" and told["status"] == "0"


def test_files_are_limited(place):
    told = place.run("""
import os
tell("size", lambda: open("big", "wb", 0).write(b"x" * (1 << 20)) + open("big", "ab", 0).write(b"x"))
def fill(folder):
    for n in range(100):
        with open(f"{folder}/{n}", "wb", 0) as file:
            file.write(bytes(1 << 20))
            if file.tell() < 1 << 20:
                file.write(b"x")
tell("space", lambda: fill("/scratch"))
tell("shm", lambda: fill("/dev/shm"))
for n in range(100):
    if os.path.exists(f"/scratch/{n}"):
        os.remove(f"/scratch/{n}")
tell("inodes", lambda: [open(f"/scratch/i{n}", "w").close() for n in range(1000)])
files = []
def many():
    while True:
        files.append(open("/dev/null"))
tell("open", many)
files.clear()
""")
    assert told["size"] == "EFBIG" and told["open"] == "EMFILE", told
    assert told["space"] == told["shm"] == told["inodes"] == "ENOSPC", told


def test_cpu_time_is_limited(place):
    told = place.run("""
import signal
signal.signal(signal.SIGXCPU, signal.SIG_IGN)
print("started", "now", flush=True)
while True:
    pass
""", limits={"cpu_seconds": 1})  # fmt: skip
    assert told["started"] == "now" and told["status"] == str(128 + signal.SIGKILL)


# --- the end ---------------------------------------------------------------------------------

DAEMON = """
import os, signal, time
import ctypes
ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)  # asks not to die with its parent
for number in range(1, 32):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print("daemon", os.getpid(), flush=True)
        time.sleep(100)
    os._exit(0)
time.sleep(0.2)
"""


def _ended_within(process: subprocess.Popen, seconds: float) -> bool:
    """Whether all who hold the process's standard output are gone."""
    start = time.monotonic()
    process.stdout.read()
    return time.monotonic() - start < seconds


def _runs(pid: int) -> bool:
    """Whether there is more of a process than what is waited for."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _until(process: subprocess.Popen, *words: str) -> dict[str, str]:
    told: dict[str, str] = {}
    while not set(words) <= set(told):
        line = process.stdout.readline()
        assert line, told
        told |= dict([line.strip().partition(" ")[::2]])
    return told


def test_daemons_end_with_process_1(place):
    with place.start(DAEMON) as process:
        _until(process, "daemon")
        assert _ended_within(process, 5)


@pytest.mark.parametrize("victim", ["the template", "the parent", "process 1"])
def test_all_is_over_when_one_of_the_chain_is_killed(place, victim):
    with place.start(DAEMON + "time.sleep(100)") as process:
        pid = int(_until(process, "daemon", "pid")["pid"].split()[0])
        status = Path(f"/proc/{pid}/status").read_text()
        parent = int(status.split("PPid:")[1].split()[0])
        os.kill({"the template": process.pid, "the parent": parent}.get(victim, pid), 9)
        assert _ended_within(process, 5)
        deadline = time.monotonic() + 5
        while _runs(pid):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_the_pid_is_told_and_the_status_handed_on(place):
    told = place.run("import os; os._exit(7)")
    number, rest = told["pid"].split(" ", 1)
    assert int(number) > 1 and rest == "b''"
    assert told["status"] == "7"


def test_the_next_kernel_starts_afresh(place):
    code = """
import os
tell("files", lambda: os.listdir("/scratch") + os.listdir("/dev/shm"))
open("/scratch/left", "w").close()
open("/dev/shm/left", "w").close()
"""
    scratch = [place.run(code, scratch="/scratch")["files"] for _ in range(2)]
    assert scratch[0] == scratch[1] and "left" not in scratch[0]


# --- what cannot be had ----------------------------------------------------------------------


def test_an_error_names_its_layer_in_one_sentence(place):
    gone = str(place.home / "gone")
    told = place.run("", read=[place.facts["project"], gone], refused=True)
    assert told["The"] == f"sandbox has no view of files here: No such file or directory ({gone})."


def test_a_second_sandbox_inside_the_first_is_refused(place):
    told = place.run("""
sandbox._missing.cache_clear()
view = sandbox.View((), (), None, sandbox.Path("/tmp"))
tell("missing", lambda: [n for n in sandbox.NEEDED if n in sandbox.missing_layers()])
sandbox.enter(view, sandbox.Limits(**outside["limits"]), 1)
""", refused=True)  # fmt: skip
    assert "namespace" in told["missing"]
    assert told["The"].startswith("sandbox has no ") and told["The"].endswith(".")


def _fresh(code: str) -> str:
    start = f"import sys; sys.path.insert(0, {str(ROOT / 'autograder')!r})\n"
    command = [sys.executable, "-c", start + code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_module_is_light():
    code = "from engine import sandbox; sandbox.ok(); import threading\n"
    code += "print('torch' in sys.modules, threading.active_count())"
    assert _fresh(code) == "False 1"


def test_elsewhere_all_layers_are_missing():
    code = "sys.platform = 'darwin'; from engine import sandbox\n"
    code += "print(sandbox.ok(), sandbox.missing_layers() == [*sandbox.NEEDED, *sandbox.OPTIONAL])"
    assert _fresh(code) == "False True"


# --- the filter, on both machines ------------------------------------------------------------


def _filtered(machine: str, number: int, *arguments: int, audit: int | None = None) -> int:
    """Runs the filter's program for one call. Returns its verdict."""
    words = {0: number, 4: audit or seccomp._MACHINES[machine].audit}
    words |= {16 + 8 * n: value & 0xFFFFFFFF for n, value in enumerate(arguments)}
    program, at, value = seccomp.program(machine), 0, 0
    while True:
        code, yes, no, given = program[at]
        at += 1
        if code == seccomp._RETURN:
            return given
        if code == seccomp._LOAD:
            value = words.get(given, 0)
        else:
            test = {
                seccomp._EQUAL: value == given,
                seccomp._AT_LEAST: value >= given,
                seccomp._ANY_BIT: bool(value & given),
            }[code]
            at += yes if test else no


@pytest.mark.parametrize(("machine", "column"), [("x86_64", 0), ("aarch64", 1)])
def test_the_filter_says_the_same_on_both_machines(machine, column):
    refuse, allow = seccomp._refuse()[3], seccomp._ALLOW
    for numbers in seccomp._DENIED.values():
        if numbers[column] is not None:
            assert _filtered(machine, numbers[column]) == refuse
    ask = {name: numbers[column] for name, numbers in seccomp._ASKED.items()}
    assert _filtered(machine, ask["socket"], 1) == allow
    assert {_filtered(machine, ask["socket"], family) for family in (2, 10, 16, 17)} == {refuse}
    assert _filtered(machine, ask["clone"], 0x01200011) == allow
    assert _filtered(machine, ask["clone"], 0x10000011) == refuse
    assert _filtered(machine, ask["clone3"]) == seccomp._refuse(38)[3]
    assert _filtered(machine, ask["ioctl"], 0, 0x5412) == refuse
    assert _filtered(machine, ask["ioctl"], 0, 0x5401) == allow
    assert _filtered(machine, ask["prctl"], 1) == seccomp._refuse(0)[3]
    assert _filtered(machine, ask["prctl"], 15) == allow
    assert _filtered(machine, {0: 39, 1: 172}[column]) == allow  # getpid
    assert _filtered(machine, 39, audit=0x40000003) == refuse  # 32-bit calls
    steps = seccomp.program(machine)
    assert len(steps) < 4096 and steps[-1][3] == allow
