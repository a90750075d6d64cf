"""Locks a forked process in: own namespaces, own root, no privileges, few system calls.

`enter` is called by a child that has one thread and has run nothing of a student's. It works
as an ordinary user and as root, in pure Python: user_namespaces(7), pid_namespaces(7),
mount_namespaces(7), pivot_root(2), capabilities(7), landlock(7), seccomp(2), setrlimit(2).
Linux 5.12 is the oldest that it works on (mount_setattr(2)).
"""

import contextlib
import functools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from . import landlock, linux, seccomp, users
from . import view as files
from .view import View, machine_paths

if linux.AVAILABLE:
    import resource
    import select

__all__ = [
    "NEEDED",
    "OPTIONAL",
    "Limits",
    "SandboxError",
    "View",
    "enter",
    "machine_paths",
    "missing_layers",
    "no_more_sockets",
    "ok",
]

NICE = 5

# What grading cannot do without. IPC, UTS and cgroup namespaces hide little that the filter of
# system calls leaves in reach; Landlock says once more what the mounts say; without a /proc of
# its own the process has none. Those are used where they are there.
NEEDED = (
    "user namespace",
    "process namespace",
    "mount namespace",
    "network namespace",
    "view of files",
    "dropped privileges",
    "system call filter",
    "resource limits",
)
OPTIONAL = ("IPC namespace", "UTS namespace", "cgroup namespace", "own /proc", "Landlock")


class SandboxError(RuntimeError):
    """A layer of the sandbox that is needed could not be put in place."""


@dataclass(frozen=True)
class Limits:
    """What the process may use. Each process that it starts has the same, but for `processes`."""

    memory: int  # bytes, beyond what is mapped on entry
    processes: int  # processes and threads at once, itself included
    open_files: int
    file_size: int  # bytes
    cpu_seconds: int
    scratch: int  # bytes of all files in scratch
    inodes: int  # number of files in scratch


def enter(
    view: View,
    limits: Limits,
    pid_to: int,
    keep: tuple[int, ...] = (),
    parent: int | None = None,
) -> None:
    """Returns in the process that is locked in, a child of the caller and process 1 inside.

    Its pid as seen from outside is written to the file descriptor `pid_to`, with a newline.
    The caller stays as its parent, ends with its exit status, and takes it along when killed.
    Of the open files 0 to 2 and `keep` are left. `parent` is the pid of who forked the caller:
    should it have died before the call, so does the caller. `SandboxError` is raised in one
    process only, and that one is not locked in: it must end.
    """
    _missing()  # looked up where a layer fails that may
    as_root = users.is_root()
    mapped = _mapped_bytes()
    if not as_root:
        with _layer("user namespace"):
            users.own_user_namespace()
    _die_with_parent()
    if parent is not None and os.getppid() != parent:
        os._exit(1)
    with _layer("view of files"):
        owners = files.closed_owners(view) if as_root else {}
    with _layer("process namespace"):
        linux.unshare(linux.CLONE_NEWPID)
    (asked, asks), (answer, answers) = os.pipe(), os.pipe()
    child = os.fork()
    if child:
        os.close(asks)
        os.close(answer)
        _stand_by(child, view, pid_to, asked, answers)
    for end in (asked, answers, *({pid_to} - set(keep))):
        os.close(end)
    outside = _Parent(asks, answer)
    rights = _isolate(view, limits, owners, as_root, outside)
    _lock(view, rights, as_root, outside)
    _close_files((0, 1, 2, asks, answer, *keep))
    with _layer("resource limits"):
        _limit(limits, mapped, gpu=bool(view.devices), extra=0 if as_root else 1)
    with _layer("system call filter"):
        seccomp.install()
    if view.sockets:
        _Parent.kept = outside
    else:
        outside.close()


def _isolate(
    view: View, limits: Limits, owners: files.Owners, as_root: bool, outside: "_Parent"
) -> dict[str, int]:
    """Namespaces and a root of its own, made with all the rights there are."""
    _die_with_parent(outside.answer)
    _first_to_go()
    os.setsid()  # away from the grader's terminal
    for name, flag in _NAMESPACES.items():
        with _layer(name):
            linux.unshare(flag)
    with _layer("UTS namespace"):
        socket.sethostname("kernel")
    with _layer("view of files"):
        rights = files.show(view, limits.scratch, limits.inodes, owners, as_root)
        os.chdir(view.scratch)
    with _layer("own /proc"):
        os.stat("/proc/self")
    return rights


def _lock(view: View, rights: dict[str, int], as_root: bool, outside: "_Parent") -> None:
    """Gives all rights up."""
    if as_root:
        with _layer("user namespace"):
            _user_namespace_by_parent(outside)
    with _layer("dropped privileges"):
        users.drop_privileges()
    _die_with_parent(outside.answer)
    with _layer("view of files"):
        files.check(view)
    with _layer("Landlock"):
        landlock.restrict(rights)


def no_more_sockets() -> None:
    """Closes the folder of sockets for good: for the kernel, once it has made its own.

    Not even Landlock limits how many sockets are made, and each takes a place in the file
    system outside. To be called in the locked-in process, before a student's code runs; the
    parent then makes the folder's mount read-only, which the process could not.
    """
    kept, _Parent.kept = _Parent.kept, None
    if kept is None:
        raise SandboxError("The sandbox has no folder of sockets, or it is closed already.")
    try:
        with _layer("view of files"):
            kept.ask(b"s")
    finally:
        kept.close()


@contextlib.contextmanager
def _layer(name: str) -> Iterator[None]:
    """Says which layer an error came from; one that is not needed may fail."""
    try:
        yield
    except OSError as error:
        if name in NEEDED or name not in _missing():
            why = error.strerror or str(error)
            where = f" ({error.filename})" if error.filename else ""
            raise SandboxError(f"The sandbox has no {name} here: {why}{where}.") from error


# --- processes -------------------------------------------------------------------------------


def _die_with_parent(lifeline: int | None = None) -> None:
    """SIGKILL when the parent dies; the kernel forgets this when the user changes.

    A parent that died before the call is seen by its end of the lifeline, which is closed then:
    getppid() says 0 in a new process namespace, whether the parent lives or not.
    """
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    if lifeline is not None:
        poll = select.poll()
        poll.register(lifeline, 0)  # a hang-up is always reported
        if poll.poll(0):
            os._exit(1)


@dataclass
class _Parent:
    """The parent, as process 1 reaches it: it does what takes the outside's rights."""

    asks: int
    answer: int
    kept: ClassVar["_Parent | None"] = None

    def ask(self, what: bytes) -> None:
        os.write(self.asks, what)
        if (why := os.read(self.answer, 500)) != b"ok":
            raise OSError(0, why.decode() or "the parent is gone")

    def close(self) -> None:
        os.close(self.asks)
        os.close(self.answer)


def _stand_by(child: int, view: View, pid_to: int, asked: int, answers: int) -> None:
    """The caller's process from here on: answers, waits, and ends as its child did."""
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the grader, which kills us
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.write(pid_to, f"{child}\n".encode())
        _close_files((asked, answers))
        while what := os.read(asked, 1):
            act = {b"u": users.map_users, b"s": functools.partial(_close_folder, view.sockets)}[
                what
            ]
            os.write(answers, _said(act, child))
        _, ended = os.waitpid(child, 0)
        status = os.waitstatus_to_exitcode(ended)
    finally:
        os._exit(status if status >= 0 else 128 - status)


def _said(act: Callable[[int], None], child: int) -> bytes:
    try:
        act(child)
    except OSError as error:
        return str(error).encode()
    return b"ok"


def _close_folder(folder: Path, child: int) -> None:
    """Makes the mount of a folder in the child's view read-only, from within that view."""
    view = os.open(f"/proc/{child}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    linux.setns(view, linux.CLONE_NEWNS)
    linux.set_mount_at(os.path.realpath(folder), linux.READ_ONLY)


def _first_to_go() -> None:
    """Where the machine's memory runs out, this process and its children are ended first."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _close_files(keep: tuple[int, ...]) -> None:
    first = 0
    for number in sorted(set(keep)):
        if number > first:
            linux.close_range(first, number - 1)
        first = number + 1
    linux.close_range(first, 2**32 - 1)


def _mapped_bytes() -> int:
    """Bytes of address space in use (proc_pid_statm(5))."""
    pages = Path("/proc/self/statm").read_text().split()[0]
    return int(pages) * resource.getpagesize()


# --- namespaces and privileges ---------------------------------------------------------------

_NAMESPACES = {
    "mount namespace": linux.CLONE_NEWNS,
    "network namespace": linux.CLONE_NEWNET,
    "IPC namespace": linux.CLONE_NEWIPC,
    "UTS namespace": linux.CLONE_NEWUTS,
    "cgroup namespace": linux.CLONE_NEWCGROUP,
}


def _user_namespace_by_parent(parent: _Parent) -> None:
    """Root's: nobody is its only user, so that root is left behind for good.

    Everything else was set up by root outside of this namespace, which holds no power over it.
    """
    os.setgroups([])
    linux.unshare(linux.CLONE_NEWUSER)
    parent.ask(b"u")


def _limit(limits: Limits, mapped: int, gpu: bool, extra: int) -> None:
    """Resource limits, hard and soft alike. `extra`: processes of this user that wait outside."""
    # CUDA reserves far more addresses than the machine has memory: there, data are counted.
    memory = resource.RLIMIT_DATA if gpu else resource.RLIMIT_AS
    stack = 8 << 20
    wanted = {
        memory: mapped + limits.memory,
        resource.RLIMIT_NPROC: limits.processes + extra,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_FSIZE: limits.file_size,
        resource.RLIMIT_CPU: limits.cpu_seconds,
        resource.RLIMIT_STACK: stack,
        resource.RLIMIT_CORE: 1,  # core(5): 0 would still feed a program that collects cores
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: 1024,
        resource.RLIMIT_NICE: 0,
        resource.RLIMIT_RTPRIO: 0,
    }
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))
    os.nice(NICE)


# --- what this machine has -------------------------------------------------------------------


def missing_layers() -> list[str]:
    """The layers that cannot be put in place here, each tried by a child, once a process.

    Call it before forking those who `enter`, who look up what may be absent.
    """
    return list(_missing())


def ok() -> bool:
    """Whether all layers are there that grading needs."""
    return not set(NEEDED) & set(_missing())


@functools.cache
def _missing() -> tuple[str, ...]:
    if not linux.AVAILABLE:
        return NEEDED + OPTIONAL
    here = Path(__file__)
    code = "import importlib, sys; sys.path.insert(0, sys.argv[1]);"
    code += "importlib.import_module(sys.argv[2])._try_all()"
    name = f"{here.parent.name}.{here.stem}"
    # In a new program: forks of a large process take long, those of one with threads may hang.
    # By its folder's name, as the package above imports far more than this needs.
    command = [sys.executable, "-I", "-S", "-c", code, str(here.parents[1]), name]
    tried = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if tried.returncode:
        return NEEDED + OPTIONAL
    return tuple(tried.stdout.splitlines())


def _try_all() -> None:
    for name in NEEDED + OPTIONAL:
        if not _tried(_ATTEMPTS[name]):
            print(name)


def _tried(attempt: Callable[[_Parent], None]) -> bool:
    """Whether the attempt ends without an error, in a child that ends with it."""
    (asked, asks), (answer, answers) = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        try:
            linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
            os.close(asked)
            os.close(answers)
            attempt(_Parent(asks, answer))
            os._exit(0)
        finally:
            os._exit(1)
    os.close(asks)
    os.close(answer)
    if os.read(asked, 1):
        os.write(answers, _said(users.map_users, child))
    _, ended = os.waitpid(child, 0)
    os.close(asked)
    os.close(answers)
    return ended == 0


def _try_user(parent: _Parent) -> None:
    if users.is_root():
        _user_namespace_by_parent(parent)
    else:
        users.own_user_namespace()


def _try_namespace(flag: int, parent: _Parent) -> None:
    if not users.is_root():
        users.own_user_namespace()
    linux.unshare(flag)


def _try_process(parent: _Parent) -> None:
    _try_namespace(linux.CLONE_NEWPID, parent)
    child = os.fork()
    if not child:
        os._exit(0 if os.getpid() == 1 else 1)
    if os.waitpid(child, 0)[1]:
        raise OSError("not process 1")


def _try_proc(parent: _Parent) -> None:
    _try_namespace(linux.CLONE_NEWPID | linux.CLONE_NEWNS, parent)
    child = os.fork()
    if not child:
        try:
            linux.mount("", "/", None, linux.MS_REC | linux.MS_PRIVATE)
            files.own_proc(files.STAGE)
            os._exit(0 if os.path.exists(files.STAGE + "/1/stat") else 1)
        finally:
            os._exit(1)
    if os.waitpid(child, 0)[1]:
        raise OSError("no proc")


_LITTLE = Limits(1 << 30, 64, 64, 1 << 20, 60, 1 << 20, 64)


def _try_view(parent: _Parent) -> None:
    as_root = users.is_root()
    _try_namespace(linux.CLONE_NEWNS, parent)
    view = View((Path("/usr"), Path("/dev/null")), (), None, Path("/tmp"))
    files.show(view, 1 << 20, 64, {}, as_root)


def _try_privileges(parent: _Parent) -> None:
    _try_user(parent)
    users.drop_privileges()


def _try_landlock(parent: _Parent) -> None:
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    landlock.restrict({"/usr": landlock.READ})
    _must_be_refused(lambda: os.listdir("/"))


def _try_filter(parent: _Parent) -> None:
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    seccomp.install()
    _must_be_refused(lambda: linux.unshare(linux.CLONE_NEWUSER))


def _try_limits(parent: _Parent) -> None:
    _limit(_LITTLE, _mapped_bytes(), gpu=False, extra=0)


def _must_be_refused(act: Callable[[], object]) -> None:
    try:
        act()
    except PermissionError:
        return
    raise OSError("not refused")


_ATTEMPTS = {
    "user namespace": _try_user,
    "process namespace": _try_process,
    "view of files": _try_view,
    "dropped privileges": _try_privileges,
    "system call filter": _try_filter,
    "resource limits": _try_limits,
    "own /proc": _try_proc,
    "Landlock": _try_landlock,
    **{name: functools.partial(_try_namespace, flag) for name, flag in _NAMESPACES.items()},
}
