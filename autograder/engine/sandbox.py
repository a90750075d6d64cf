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
import site
import socket
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from . import landlock, linux, seccomp

if linux.AVAILABLE:
    import resource
    import select

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
    with _layer("view of files"):
        owners = _owners(view) if as_root else {}
    with _layer("process namespace"):
        linux.unshare(linux.CLONE_NEWPID)
    asked, asks = os.pipe()
    answer, answers = os.pipe()
    child = os.fork()
    if child:
        os.close(asks)
        os.close(answer)
        _stand_by(child, view, pid_to, asked, answers)
    for end in (asked, answers, *({pid_to} - set(keep))):
        os.close(end)
    parent_side = _Parent(asks, answer)
    _die_with_parent(answer)
    _first_to_go()
    os.setsid()
    for name, flag in _NAMESPACES.items():
        with _layer(name):
            linux.unshare(flag)
    with _layer("UTS namespace"):
        socket.sethostname("kernel")
    with _layer("view of files"):
        rights = _new_root(view, limits, owners, as_root)
    with _layer("own /proc"):
        os.stat("/proc/self")
    if as_root:
        with _layer("user namespace"):
            _user_namespace_by_parent(parent_side)
    with _layer("dropped privileges"):
        _drop_privileges()
    _die_with_parent(answer)
    with _layer("view of files"):
        _check_readable(view)
    with _layer("Landlock"):
        landlock.restrict(rights)
    _close_files((0, 1, 2, asks, answer, *keep))
    os.chdir(view.scratch)
    with _layer("resource limits"):
        _limit(limits, mapped, gpu=bool(view.devices), extra=0 if as_root else 1)
    with _layer("system call filter"):
        seccomp.install()
    if view.sockets:
        _Parent.kept = parent_side
    else:
        parent_side.close()


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
            act = {b"u": _map_users, b"s": functools.partial(_close_folder, view.sockets)}[what]
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


def _user_namespace_by_parent(parent: _Parent) -> None:
    """Root's: nobody is its only user, so that root is left behind for good.

    Everything else was set up by root outside of this namespace, which holds no power over it.
    """
    os.setgroups([])
    linux.unshare(linux.CLONE_NEWUSER)
    parent.ask(b"u")


def _map_users(child: int, first: tuple[int, int] = (USER, USER)) -> None:
    """The user and the group of the child's user namespace who are nobody outside."""
    for kind, inside in zip(("uid", "gid"), first, strict=True):
        Path(f"/proc/{child}/{kind}_map").write_text(f"{inside} {NOBODY} 1")


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


def _tree(path: Path, right: int, owners: dict[tuple[int, int], int]) -> _Tree:
    real, links = _chain(path)
    found = os.stat(real)
    if stat.S_ISCHR(found.st_mode):
        right = landlock.DEVICE
    tree = linux.clone_tree(str(real))
    flags = linux.NOSUID
    flags |= linux.NOEXEC if right == landlock.DEVICE else linux.NODEV
    if right == landlock.READ:
        flags |= linux.READ_ONLY
        if (owner := (found.st_uid, found.st_gid)) in owners and not _open_to_all(found):
            with contextlib.suppress(OSError):  # not every file system can; it is checked later
                linux.set_mount(tree, linux.IDMAP, owners[owner])
    linux.set_mount(tree, flags)
    return _Tree(real, tree, right, links)


def _open_to_all(found: os.stat_result) -> bool:
    needed = 0o005 if stat.S_ISDIR(found.st_mode) else 0o004
    return found.st_mode & needed == needed


def _owners(view: View) -> dict[tuple[int, int], int]:
    """For each owner of what others may not read, a user namespace in which nobody is that owner.

    With it root shows a course that was installed with a umask of 077, and the files stay as
    they are (Documentation/filesystems/idmappings.rst).
    """
    found = [os.stat(path) for path in view.read]
    closed = {(f.st_uid, f.st_gid) for f in found if not _open_to_all(f)}
    return {owner: _user_namespace_of(owner) for owner in closed}


def _user_namespace_of(owner: tuple[int, int]) -> int:
    ready, tell = os.pipe()
    holder = os.fork()
    if not holder:
        try:
            linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
            linux.unshare(linux.CLONE_NEWUSER)
            os.write(tell, b"u")
            signal.pause()
        finally:
            os._exit(1)
    os.close(tell)
    try:
        os.read(ready, 1)
        _map_users(holder, owner)
        return os.open(f"/proc/{holder}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(ready)
        os.kill(holder, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(holder, 0)


def _out_of(tree: _Tree, scratch: Path) -> _Tree:
    """Keeps the sockets out of scratch, with a link in their place.

    Landlock gives what it gives on a folder on all that is mounted below it too.
    """
    if tree.right != landlock.MAKE_SOCK or not {scratch, Path("/tmp")} & set(tree.at.parents):
        return tree
    return replace(tree, at=_SOCKETS, links=tree.links | {tree.at: str(_SOCKETS)})


def _new_root(
    view: View, limits: Limits, owners: dict[tuple[int, int], int], as_root: bool
) -> dict[str, int]:
    """Puts the view in the place of the machine's files. Returns Landlock's rights on it.

    All parts are copied before any is put in place: as long as this process is privileged, and
    whatever the new root then covers.
    """
    linux.mount("", "/", None, linux.MS_REC | linux.MS_PRIVATE)  # nothing we do is seen outside
    mask = os.umask(0o022)
    trees = [_tree(path, landlock.READ, owners) for path in view.read]
    trees += [_tree(path, landlock.DEVICE, owners) for path in view.devices]
    if view.sockets:
        if as_root:
            os.chown(view.sockets, NOBODY, NOBODY)
        trees.append(_tree(view.sockets, landlock.MAKE_SOCK, owners))
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
        try:
            put(_staged(path))
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error


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
    elif os.path.lexists(at):
        raise NotADirectoryError(20, "only folders can be hidden", at)


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
    wanted = [(path, os.R_OK | (os.X_OK if path.is_dir() else 0)) for path in view.read]
    wanted += [(path, os.R_OK | os.W_OK) for path in view.devices]
    wanted += [(view.sockets, os.W_OK | os.X_OK)] if view.sockets else []
    for path, mode in wanted:
        if not os.access(path, mode):
            raise PermissionError(13, "closed to other users", str(path))


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
        os.write(answers, _said(_map_users, child))
    _, ended = os.waitpid(child, 0)
    os.close(asked)
    os.close(answers)
    return ended == 0


def _try_user(parent: _Parent) -> None:
    if _is_root():
        _user_namespace_by_parent(parent)
    else:
        _own_user_namespace()


def _try_namespace(flag: int, parent: _Parent) -> None:
    if not _is_root():
        _own_user_namespace()
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
            _own_proc(STAGE)
            os._exit(0 if os.path.exists(STAGE + "/1/stat") else 1)
        finally:
            os._exit(1)
    if os.waitpid(child, 0)[1]:
        raise OSError("no proc")


_LITTLE = Limits(1 << 30, 64, 64, 1 << 20, 60, 1 << 20, 64)


def _try_view(parent: _Parent) -> None:
    as_root = _is_root()
    _try_namespace(linux.CLONE_NEWNS, parent)
    _new_root(View((Path("/usr"), Path("/dev/null")), (), None, Path("/tmp")), _LITTLE, {}, as_root)


def _try_privileges(parent: _Parent) -> None:
    _try_user(parent)
    _drop_privileges()


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
