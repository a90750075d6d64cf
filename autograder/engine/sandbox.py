"""Locks a forked process in: own namespaces, own root, no privileges, few system calls.

`enter` is called by a child that has one thread and has run nothing of a student's. It works
as an ordinary user and as root, in pure Python: user_namespaces(7), pid_namespaces(7),
mount_namespaces(7), pivot_root(2), capabilities(7), landlock(7), seccomp(2), setrlimit(2).
Linux 5.12 is the oldest that it works on (mount_setattr(2)).
"""

import contextlib
import functools
import os
import resource
import select
import signal
import site
import stat
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from . import landlock, linux, seccomp

USER = 1000  # who the student's code is inside
NOBODY = 65534  # who it is outside, when root grades; else whoever grades
STAGE = "/tmp"  # where the new root is put together, out of everyone else's sight
SHM_BYTES = 64 << 20
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
class View:
    """What of the machine's files the process sees, each at its own path."""

    read: tuple[Path, ...]  # files and folders, read-only
    hidden: tuple[Path, ...]  # folders inside `read` that are seen empty
    sockets: Path | None  # a folder in which it may make sockets, and nothing else
    scratch: Path  # a fresh folder in memory, the only place to write files; also /tmp
    devices: tuple[Path, ...] = ()  # device nodes of a GPU, readable and writable


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
    as_root = _is_root()
    mapped = _mapped_bytes()
    _die_with_parent()
    if parent is not None and os.getppid() != parent:
        os._exit(1)
    if not as_root:
        with _layer("user namespace"):
            _own_user_namespace()
    with _layer("process namespace"):
        linux.unshare(linux.CLONE_NEWPID)
    asked, asks = os.pipe()
    answer, answers = os.pipe()
    child = os.fork()
    if child:
        os.close(asks)
        os.close(answer)
        _stand_by(child, as_root, pid_to, asked, answers)
    os.close(asked)
    os.close(answers)
    _die_with_parent(answer)
    os.setsid()
    for name, flag in _NAMESPACES.items():
        with _layer(name):
            linux.unshare(flag)
    with _layer("view of files"):
        rights = _new_root(view, limits, as_root)
    with _layer("own /proc"):
        os.stat("/proc/self")
    if as_root:
        with _layer("user namespace"):
            _user_namespace_by_parent(asks, answer)
    with _layer("dropped privileges"):
        _drop_privileges()
    _die_with_parent(answer)
    with _layer("view of files"):
        _check_readable(view)
    with _layer("Landlock"):
        landlock.restrict(rights)
    _close_files((0, 1, 2, *keep))
    os.chdir(view.scratch)
    with _layer("resource limits"):
        _limit(limits, mapped, gpu=bool(view.devices), extra=0 if as_root else 1)
    with _layer("system call filter"):
        seccomp.install()


@contextlib.contextmanager
def _layer(name: str) -> Iterator[None]:
    """Says which layer an error came from; one that is not needed may fail."""
    try:
        yield
    except OSError as error:
        if name in NEEDED or name not in _missing():
            why = error.strerror or str(error)
            where = f" ({str(error.filename).removeprefix(STAGE)})" if error.filename else ""
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


def _stand_by(child: int, as_root: bool, pid_to: int, asked: int, answers: int) -> None:
    """The caller's process from here on: maps users when asked, waits, ends as its child did."""
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the grader, which kills us
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.write(pid_to, f"{child}\n".encode())
        _close_files((asked, answers))
        if as_root and os.read(asked, 1):
            os.write(answers, _map_users(child))
        os.close(asked)
        _, ended = os.waitpid(child, 0)
        status = os.waitstatus_to_exitcode(ended)
    finally:
        os._exit(status if status >= 0 else 128 - status)


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


def _is_root() -> bool:
    """Whether the machine's root, or a container's with all users, runs this.

    The root of a user namespace that knows one user only is an ordinary user.
    """
    if os.geteuid() != 0:
        return False
    status = Path("/proc/self/status").read_text()
    effective = int(status.split("CapEff:")[1].split()[0], 16)
    mapped = all(_has_nobody(f"/proc/self/{kind}_map") for kind in ("uid", "gid"))
    return bool(effective >> 21 & 1) and mapped  # CAP_SYS_ADMIN


def _has_nobody(id_map: str) -> bool:
    lines = [[int(n) for n in line.split()] for line in Path(id_map).read_text().splitlines()]
    return any(first <= NOBODY < first + count for first, _, count in lines)


def _own_user_namespace() -> None:
    """An ordinary user's: all capabilities over what is made inside, no other user."""
    user, group = os.geteuid(), os.getegid()
    linux.prctl(linux.PR_SET_DUMPABLE, 1)  # else the files below belong to root
    linux.unshare(linux.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{USER} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{USER} {group} 1")


def _user_namespace_by_parent(asks: int, answer: int) -> None:
    """Root's: nobody is its only user, so that root is left behind for good.

    Everything else was set up by root outside of this namespace, which holds no power over it.
    """
    os.setgroups([])
    linux.unshare(linux.CLONE_NEWUSER)
    os.write(asks, b"?")
    if (why := os.read(answer, 200)) != b"ok":
        raise OSError(0, why.decode() or "the parent is gone")


def _map_users(child: int) -> bytes:
    try:
        for kind in ("gid", "uid"):
            Path(f"/proc/{child}/{kind}_map").write_text(f"{USER} {NOBODY} 1")
    except OSError as error:
        return str(error).encode()
    return b"ok"


def _drop_privileges() -> None:
    """No capability now, and none to be had: not by a user, a file or a program."""
    linux.prctl(linux.PR_SET_SECUREBITS, 0xEF)  # all set and locked but KEEP_CAPS, locked only
    with contextlib.suppress(OSError):  # ends at the first that this kernel does not know
        for capability in range(64):
            linux.prctl(linux.PR_CAPBSET_DROP, capability)
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    linux.drop_capabilities()
    linux.prctl(linux.PR_CAP_AMBIENT, linux.PR_CAP_AMBIENT_CLEAR_ALL)
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    # A change of user makes a process undumpable, and its own /proc/self root's.
    linux.prctl(linux.PR_SET_DUMPABLE, 1)


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


# --- files -----------------------------------------------------------------------------------

_ETC = {
    "passwd": f"student:x:{USER}:{USER}::/tmp:/bin/sh\n",
    "group": f"student:x:{USER}:\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "hosts": "127.0.0.1 localhost\n",
}
_SOCKETS = Path("/sockets")
_LINKS = {
    "/dev/fd": "/proc/self/fd",
    "/dev/stdin": "/proc/self/fd/0",
    "/dev/stdout": "/proc/self/fd/1",
    "/dev/stderr": "/proc/self/fd/2",
}


def machine_paths() -> tuple[Path, ...]:
    """What any Python needs to see: itself, its packages, the C library, a few files of /etc."""
    system = ["/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin"]
    system += [f"/etc/{name}" for name in ("ld.so.cache", "fonts", "localtime", "alternatives")]
    system += [f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom")]
    system += ["/sys/devices/system/cpu"]
    python = [sys.executable, sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix]
    python += [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    python += [p for p in sys.path if Path(p).name in ("site-packages", "dist-packages")]
    if site.ENABLE_USER_SITE:
        python.append(site.getusersitepackages())
    paths = [Path(p) for p in system + python if p and Path(p) != Path("/")]
    return tuple(dict.fromkeys(p for p in paths if os.path.lexists(p)))


def _chain(path: Path) -> tuple[Path, dict[Path, str]]:
    """The real path, and every symbolic link on the way there with what it holds."""
    links: dict[Path, str] = {}
    done, left = Path("/"), list(Path(os.path.abspath(path)).parts[1:])
    while left:
        name = left.pop(0)
        if name == "..":
            done = done.parent
            continue
        step = done / name
        if not step.is_symlink():
            done = step
        elif len(links) > 100:
            raise OSError(0, "a circle of symbolic links", str(path))
        else:
            links[step] = os.readlink(step)
            target = Path(links[step])
            done = Path("/") if target.is_absolute() else done
            left = [part for part in target.parts if part != "/"] + left
    return done, links


@dataclass(frozen=True)
class _Tree:
    """A part of the machine's files, copied as a mount that nobody sees yet."""

    at: Path
    mount: int
    right: int
    links: dict[Path, str]


def _tree(path: Path, right: int) -> _Tree:
    real, links = _chain(path)
    mode = os.stat(real).st_mode
    if stat.S_ISCHR(mode):
        right = landlock.DEVICE
    tree = linux.clone_tree(str(real))
    flags = linux.NOSUID
    flags |= linux.NOEXEC if right == landlock.DEVICE else linux.NODEV
    if right == landlock.READ:
        flags |= linux.READ_ONLY
    linux.set_mount(tree, flags)
    return _Tree(real, tree, right, links)


def _out_of(tree: _Tree, scratch: Path) -> _Tree:
    """Keeps the sockets out of scratch, with a link in their place.

    Landlock gives what it gives on a folder on all that is mounted below it too.
    """
    if tree.right != landlock.MAKE_SOCK or not {scratch, Path("/tmp")} & set(tree.at.parents):
        return tree
    return replace(tree, at=_SOCKETS, links=tree.links | {tree.at: str(_SOCKETS)})


def _new_root(view: View, limits: Limits, as_root: bool) -> dict[str, int]:
    """Puts the view in the place of the machine's files. Returns Landlock's rights on it.

    All parts are copied before any is put in place: as long as this process is privileged, and
    whatever the new root then covers.
    """
    linux.mount("", "/", None, linux.MS_REC | linux.MS_PRIVATE)  # nothing we do is seen outside
    mask = os.umask(0o022)
    trees = [_tree(path, landlock.READ) for path in view.read]
    trees += [_tree(path, landlock.DEVICE) for path in view.devices]
    if view.sockets:
        if as_root:
            os.chown(view.sockets, NOBODY, NOBODY)
        trees.append(_tree(view.sockets, landlock.MAKE_SOCK))
    hidden = {_chain(path)[0] for path in view.hidden}
    scratch, links = _chain(view.scratch)
    trees = [_out_of(tree, scratch) for tree in trees]
    _put_together(trees, hidden, scratch, limits)
    for tree in trees:
        links |= tree.links
        os.close(tree.mount)
    _make_links(links | {Path(link): target for link, target in _LINKS.items()})
    _make_etc()
    for path in [*hidden, Path("/")]:
        if os.path.isdir(_staged(path)):
            linux.set_mount_at(_staged(path), linux.READ_ONLY)
    os.umask(mask)
    _pivot()
    rights = {"/": landlock.READ_DIR, "/etc": landlock.READ, "/proc": landlock.READ}
    rights |= {str(tree.at): tree.right for tree in trees}
    return rights | {str(path): landlock.WRITE for path in (scratch, "/tmp", "/dev/shm")}


def _put_together(trees: list[_Tree], hidden: set[Path], scratch: Path, limits: Limits) -> None:
    """Mounts all parts in the stage, what lies higher first, so that paths may be nested."""
    space = f"size={limits.scratch},nr_inodes={limits.inodes},mode=1777"
    shm = f"size={min(SHM_BYTES, limits.scratch)},nr_inodes=1024,mode=1777"
    places = [(tree.at, functools.partial(_attach, tree)) for tree in trees]
    places += [(path, _hide) for path in hidden]
    places += [
        (Path("/proc"), _own_proc),
        (Path("/dev/shm"), functools.partial(_tmpfs, options=shm)),
        (Path("/tmp"), functools.partial(_tmpfs, options=space)),
    ]
    if scratch != Path("/tmp"):
        places.append((scratch, functools.partial(_again, _staged("/tmp"))))
    linux.mount("root", STAGE, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=0755,size=16m")
    for path, put in sorted(places, key=lambda place: len(place[0].parts)):
        put(_staged(path))


def _staged(path: Path | str) -> str:
    return STAGE + str(path)


def _attach(tree: _Tree, at: str) -> None:
    here = os.fstat(tree.mount)
    if os.path.lexists(at):
        if tree.right == landlock.READ and os.path.samestat(os.lstat(at), here):
            return  # a part of another tree
    elif stat.S_ISDIR(here.st_mode):
        os.makedirs(at)
    else:
        os.makedirs(os.path.dirname(at), exist_ok=True)
        os.close(os.open(at, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    linux.attach(tree.mount, at)


def _tmpfs(at: str, options: str) -> None:
    os.makedirs(at, exist_ok=True)
    linux.mount("tmpfs", at, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, options)


def _hide(at: str) -> None:
    if os.path.isdir(at):
        _tmpfs(at, "size=64k,nr_inodes=64,mode=0555")


def _again(path: str, at: str) -> None:
    """The folder once more, without what was mounted in it."""
    os.makedirs(at, exist_ok=True)
    tree = linux.clone_tree(path, recursive=False)
    linux.attach(tree, at)
    os.close(tree)


def _own_proc(at: str) -> None:
    """Shows the processes of this namespace. Where that is refused, there is no /proc at all."""
    os.makedirs(at, exist_ok=True)
    flags = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC | linux.MS_RDONLY
    with contextlib.suppress(OSError):
        linux.mount("proc", at, "proc", flags)


def _make_links(links: dict[Path, str]) -> None:
    for link, target in links.items():
        at = _staged(link)
        if not os.path.lexists(at):
            os.makedirs(os.path.dirname(at), exist_ok=True)
            os.symlink(target, at)


def _make_etc() -> None:
    os.makedirs(_staged("/etc"), exist_ok=True)
    for name, text in _ETC.items():
        path = Path(_staged("/etc"), name)
        if not os.path.lexists(path):
            path.write_text(text)


def _pivot() -> None:
    """The stage becomes the root; the old root, then mounted over it, is taken off."""
    os.chdir(STAGE)
    linux.pivot_root(".", ".")
    linux.umount(".", linux.MNT_DETACH)
    os.chdir("/")


def _check_readable(view: View) -> None:
    """Early and in words what an import would else stumble on, when root's files are closed."""
    for path in view.read:
        folder = path.is_dir()
        if not os.access(path, os.R_OK | (os.X_OK if folder else 0)):
            raise PermissionError(13, "closed to other users", str(path))


# --- what this machine has -------------------------------------------------------------------


def missing_layers() -> list[str]:
    """The layers that cannot be put in place here, each tried by a child (once a process).

    Call it before forking those who `enter`: they look up what may be absent.
    """
    return list(_missing())


def ok() -> bool:
    """Whether all layers are there that grading needs."""
    return not set(NEEDED) & set(_missing())


@functools.cache
def _missing() -> tuple[str, ...]:
    if not linux.AVAILABLE:
        return NEEDED + OPTIONAL
    return tuple(name for name in NEEDED + OPTIONAL if not _tried(_ATTEMPTS[name]))


def _tried(attempt: Callable[[], None]) -> bool:
    """Whether the attempt ends without an error, in a child that ends with it."""
    as_root = _is_root()
    (asked, asks), (answer, answers) = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        try:
            linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
            os.close(asked)
            os.close(answers)
            attempt(asks, answer)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(asks)
    os.close(answer)
    if as_root and os.read(asked, 1):
        os.write(answers, _map_users(child))
    _, ended = os.waitpid(child, 0)
    os.close(asked)
    os.close(answers)
    return ended == 0


def _try_user(asks: int, answer: int) -> None:
    if _is_root():
        _user_namespace_by_parent(asks, answer)
    else:
        _own_user_namespace()


def _try_namespace(flag: int, asks: int, answer: int) -> None:
    if not _is_root():
        _own_user_namespace()
    linux.unshare(flag)


def _try_process(asks: int, answer: int) -> None:
    _try_namespace(linux.CLONE_NEWPID, asks, answer)
    child = os.fork()
    if not child:
        os._exit(0 if os.getpid() == 1 else 1)
    if os.waitpid(child, 0)[1]:
        raise OSError("not process 1")


def _try_proc(asks: int, answer: int) -> None:
    _try_namespace(linux.CLONE_NEWPID | linux.CLONE_NEWNS, asks, answer)
    child = os.fork()
    if not child:
        try:
            linux.mount("", "/", None, linux.MS_REC | linux.MS_PRIVATE)
            _own_proc(STAGE)
            os._exit(0 if os.path.exists(STAGE + "/1/stat") else 1)
        finally:
            os._exit(1)
    if os.waitpid(child, 0)[1]:
        raise OSError("no proc")


_LITTLE = Limits(1 << 30, 64, 64, 1 << 20, 60, 1 << 20, 64)


def _try_view(asks: int, answer: int) -> None:
    as_root = _is_root()
    _try_namespace(linux.CLONE_NEWNS, asks, answer)
    _new_root(View(machine_paths(), (), None, Path("/tmp")), _LITTLE, as_root)


def _try_privileges(asks: int, answer: int) -> None:
    _try_user(asks, answer)
    _drop_privileges()


def _try_landlock(asks: int, answer: int) -> None:
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    landlock.restrict({"/usr": landlock.READ})
    _must_be_refused(lambda: os.listdir("/"))


def _try_filter(asks: int, answer: int) -> None:
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    seccomp.install()
    _must_be_refused(lambda: linux.unshare(linux.CLONE_NEWUSER))


def _try_limits(asks: int, answer: int) -> None:
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
