"""What the locked-in process sees of the machine's files: a root of its own, made of mounts.

mount_namespaces(7), open_tree(2), mount_setattr(2), pivot_root(2). All parts are copied, as
mounts that hang nowhere yet, before the first is put in place: while the process may still go
through closed folders, and whatever the new root then covers.
"""

import contextlib
import os
import site
import stat
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from . import landlock, linux, users

STAGE = "/tmp"  # where the new root is put together; nobody else sees that
TMP, ETC = Path("/tmp"), Path("/etc")
SOCKETS = Path("/sockets")  # see _without_scratch_above
SHM_BYTES = 64 << 20

Owners = dict[tuple[int, int], int]  # (user, group): file descriptor of a user namespace
Links = dict[Path, str]

_TEXTS = {
    "passwd": f"student:x:{users.USER}:{users.USER}::/tmp:/bin/sh\n",
    "group": f"student:x:{users.USER}:\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "hosts": "127.0.0.1 localhost\n",
}
_LINKS = {
    Path("/dev/fd"): "/proc/self/fd",
    Path("/dev/stdin"): "/proc/self/fd/0",
    Path("/dev/stdout"): "/proc/self/fd/1",
    Path("/dev/stderr"): "/proc/self/fd/2",
}


@dataclass(frozen=True)
class View:
    """What of the machine's files the process sees, each at its own path."""

    read: tuple[Path, ...]  # files and folders, read-only
    hidden: tuple[Path, ...]  # folders inside `read` that are seen empty
    sockets: Path | None  # a folder in which it may make sockets, and nothing else
    scratch: Path  # a fresh folder in memory, the only place to write files; also /tmp
    devices: tuple[Path, ...] = ()  # device nodes of a GPU, readable and writable


def machine_paths() -> tuple[Path, ...]:
    """What any Python needs to see: itself, its packages, the C library, a few files of /etc."""
    system = ["/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/nix/store"]
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


def closed_owners(view: View) -> Owners:
    """For each owner of what others may not read, a user namespace in which nobody is that owner.

    With it root shows a course that was installed with a umask of 077, and the files stay as
    they are (Documentation/filesystems/idmappings.rst).
    """
    found = [os.stat(path) for path in view.read]
    closed = {(f.st_uid, f.st_gid) for f in found if not _open_to_all(f)}
    return {owner: users.user_namespace_of(owner) for owner in closed}


def _open_to_all(found: os.stat_result) -> bool:
    needed = 0o005 if stat.S_ISDIR(found.st_mode) else 0o004
    return found.st_mode & needed == needed


def show(view: View, space: int, inodes: int, owners: Owners, as_root: bool) -> dict[str, int]:
    """Puts the view in the place of the machine's files. Returns Landlock's rights on it.

    `space` is the size of scratch in bytes. Folders of mode 0700 may lie above what is shown.
    """
    linux.mount("", "/", None, linux.MS_REC | linux.MS_PRIVATE)  # nothing we do is seen outside
    mask = os.umask(0o022)
    scratch, links = _chain(view.scratch)
    hidden = {_chain(path)[0] for path in view.hidden}
    trees, more = _trees(view, hidden, owners, as_root)
    trees, aside = _without_scratch_above(trees, scratch)
    _put_together(trees, hidden, scratch, f"size={space},nr_inodes={inodes},mode=1777")
    for tree in trees:
        os.close(tree.mount)
    _make_links(links | more | aside | _LINKS)
    _make_etc()
    for path in [*hidden, Path("/")]:
        if os.path.isdir(_staged(path)):
            linux.set_mount_at(_staged(path), linux.READ_ONLY)
    os.umask(mask)
    _pivot()
    rights = {"/": landlock.READ_DIR, "/etc": landlock.READ, "/proc": landlock.READ}
    rights |= {str(tree.at): tree.right for tree in trees}
    return rights | {str(path): landlock.WRITE for path in (scratch, TMP, "/dev/shm")}


def check(view: View) -> None:
    """Early and in words what an import would else stumble on: `PermissionError`."""
    wanted = [(path, os.R_OK | (os.X_OK if path.is_dir() else 0)) for path in view.read]
    wanted += [(path, os.R_OK | os.W_OK) for path in view.devices]
    wanted += [(view.sockets, os.W_OK | os.X_OK)] if view.sockets else []
    for path, mode in wanted:
        if not os.access(path, mode):
            raise PermissionError(13, "closed to other users", str(path))


# --- the parts -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Tree:
    """A part of the machine's files, copied as a mount that hangs nowhere yet."""

    at: Path
    mount: int
    right: int


def _chain(path: Path) -> tuple[Path, Links]:
    """The real path, and every symbolic link on the way there with what it holds."""
    links: Links = {}
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
            raise OSError(40, "a circle of symbolic links", str(path))
        else:
            links[step] = os.readlink(step)
            target = Path(links[step])
            done = Path("/") if target.is_absolute() else done
            left = [part for part in target.parts if part != "/"] + left
    return done, links


def _trees(
    view: View, hidden: set[Path], owners: Owners, as_root: bool
) -> tuple[list[_Tree], Links]:
    found: dict[Path, int] = {}
    links: Links = {}
    wanted = [(path, landlock.READ) for path in view.read]
    wanted += [(path, landlock.DEVICE) for path in view.devices]
    if view.sockets:
        if as_root:
            os.chown(view.sockets, users.NOBODY, users.NOBODY)
        wanted.append((view.sockets, landlock.MAKE_SOCK))
    for path, right in wanted:
        real, more = _chain(path)
        found[real] = right
        links |= more
    return [
        _tree(path, right, owners)
        for path, right in found.items()
        if not _is_seen_already(path, found, hidden)
    ], links


def _is_seen_already(path: Path, found: dict[Path, int], hidden: set[Path]) -> bool:
    """Whether it is a part of another tree. Its own would cost, and show the same."""
    if found[path] != landlock.READ or not _open_to_all(os.stat(path)):
        return False
    for above in path.parents:
        if above in hidden:
            return False
        if found.get(above) == landlock.READ:
            return True
    return False


def _tree(path: Path, right: int, owners: Owners) -> _Tree:
    status = os.stat(path)
    if stat.S_ISCHR(status.st_mode):
        right = landlock.DEVICE
    tree = linux.clone_tree(str(path))
    flags = linux.NOSUID
    flags |= linux.NOEXEC if right == landlock.DEVICE else linux.NODEV
    if right == landlock.READ:
        flags |= linux.READ_ONLY
        owner = status.st_uid, status.st_gid
        if owner in owners and not _open_to_all(status):
            with contextlib.suppress(OSError):  # not every file system can; `check` will see
                linux.set_mount(tree, linux.IDMAP, owners[owner])
    linux.set_mount(tree, flags)
    return _Tree(path, tree, right)


def _without_scratch_above(trees: list[_Tree], scratch: Path) -> tuple[list[_Tree], Links]:
    """Mounts the sockets aside where they lie below scratch, with a link in their place.

    What Landlock gives on a folder it gives on all that is mounted below it too.
    """
    kept, links = [], {}
    for tree in trees:
        if tree.right == landlock.MAKE_SOCK and {scratch, TMP} & set(tree.at.parents):
            links[tree.at] = str(SOCKETS)
            tree = _Tree(SOCKETS, tree.mount, tree.right)
        kept.append(tree)
    return kept, links


# --- the new root ----------------------------------------------------------------------------


def _put_together(trees: list[_Tree], hidden: set[Path], scratch: Path, space: str) -> None:
    """Mounts all parts in the stage, what lies higher first, so that paths may be nested."""
    shm = f"size={SHM_BYTES},nr_inodes=1024,mode=1777"
    places: list[tuple[Path, Callable[[str], None]]]
    places = [(tree.at, partial(_attach, tree)) for tree in trees]
    places += [(path, _hide) for path in hidden]
    places += [
        (Path("/proc"), own_proc),
        (Path("/dev/shm"), partial(_tmpfs, options=shm)),
        (TMP, partial(_tmpfs, options=space)),
    ]
    if scratch != TMP:
        places.append((scratch, partial(_again, _staged(TMP))))
    linux.mount("root", STAGE, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=0755,size=16m")
    for path, put in sorted(places, key=lambda place: len(place[0].parts)):
        try:
            put(_staged(path))
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error


def _staged(path: Path) -> str:
    return f"{STAGE}{path}"


def _attach(tree: _Tree, at: str) -> None:
    if os.path.lexists(at):
        pass  # in another tree, or a folder on the way to one
    elif stat.S_ISDIR(os.fstat(tree.mount).st_mode):
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


def own_proc(at: str) -> None:
    """Shows the processes of this namespace. Where that is refused, there is no /proc at all."""
    os.makedirs(at, exist_ok=True)
    flags = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC | linux.MS_RDONLY
    with contextlib.suppress(OSError):
        linux.mount("proc", at, "proc", flags)


def _make_links(links: Links) -> None:
    for link, target in links.items():
        at = _staged(link)
        if not os.path.lexists(at):
            os.makedirs(os.path.dirname(at), exist_ok=True)
            os.symlink(target, at)


def _make_etc() -> None:
    folder = Path(_staged(ETC))
    folder.mkdir(exist_ok=True)
    for name, text in _TEXTS.items():
        if not os.path.lexists(folder / name):
            (folder / name).write_text(text)


def _pivot() -> None:
    """The stage becomes the root; the old root, then mounted over it, is taken off."""
    os.chdir(STAGE)
    linux.pivot_root(".", ".")
    linux.umount(".", linux.MNT_DETACH)
    os.chdir("/")
