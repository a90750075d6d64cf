"""System calls of Linux that Python lacks, by ctypes. What fails raises `OSError`."""

import ctypes
import os
import sys
from ctypes import c_char_p, c_int, c_long, c_uint, c_uint32, c_uint64, c_ulong, c_void_p

AVAILABLE = sys.platform.startswith("linux")
AT_FDCWD = -100

# unshare(2)
CLONE_NEWTIME, CLONE_NEWNS, CLONE_NEWCGROUP = 0x80, 0x20000, 0x2000000
CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER = 0x4000000, 0x8000000, 0x10000000
CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000

# mount(2), umount(2)
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_RDONLY = 2, 4, 8, 1
MS_REC, MS_PRIVATE = 0x4000, 0x40000
MNT_DETACH = 2

# mount_setattr(2)
READ_ONLY, NOSUID, NODEV, NOEXEC, IDMAP = 1, 2, 4, 8, 0x100000

# prctl(2), PR_SET_SECUREBITS(2const)
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 22, 24
PR_SET_SECUREBITS, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 28, 38, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
SECCOMP_MODE_FILTER = 2

# These calls have no wrapper in older C libraries; their numbers are the same on every machine
# that the course runs on.
_OPEN_TREE, _MOVE_MOUNT, _CLOSE_RANGE, _MOUNT_SETATTR = 428, 429, 436, 442
_AT_EMPTY_PATH, _AT_RECURSIVE, _OPEN_TREE_CLONE, _MOVE_MOUNT_F_EMPTY_PATH = 0x1000, 0x8000, 1, 4

_libc = ctypes.CDLL(None, use_errno=True) if AVAILABLE else None
if AVAILABLE:
    _libc.syscall.restype = c_long
    _libc.mount.argtypes = [c_char_p, c_char_p, c_char_p, c_ulong, c_char_p]
    _libc.prctl.argtypes = [c_int] + [c_ulong] * 4
    _libc.capset.argtypes = [c_void_p, c_void_p]


def _checked(result: int) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def syscall(number: int, *arguments) -> int:
    """A system call by its number. Integers are passed as longs, all else as ctypes has it."""
    passed = [c_long(a) if isinstance(a, int) else a for a in arguments]
    return _checked(_libc.syscall(c_long(number), *passed))


def unshare(flags: int) -> None:
    _checked(_libc.unshare(c_int(flags)))


def setns(namespace: int, kind: int) -> None:
    _checked(_libc.setns(c_int(namespace), c_int(kind)))


def prctl(option: int, *values: int) -> int:
    return _checked(_libc.prctl(option, *(*values, 0, 0, 0, 0)[:4]))


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    kind = None if kind is None else kind.encode()
    _checked(_libc.mount(source.encode(), os.fsencode(target), kind, flags, data.encode()))


def umount(target: str, flags: int) -> None:
    _checked(_libc.umount2(os.fsencode(target), c_int(flags)))


def pivot_root(new: str, old: str) -> None:
    _checked(_libc.pivot_root(os.fsencode(new), os.fsencode(old)))


def clone_tree(path: str, recursive: bool = True) -> int:
    """A file descriptor of a copy of the mounts at and below `path`, mounted nowhere yet."""
    flags = _OPEN_TREE_CLONE | os.O_CLOEXEC | (_AT_RECURSIVE if recursive else 0)
    return syscall(_OPEN_TREE, AT_FDCWD, os.fsencode(path), flags)


class _MountAttr(ctypes.Structure):
    _fields_ = [(name, c_uint64) for name in ("set", "clear", "propagation", "userns")]


def set_mount(tree: int, flags: int, userns: int = 0) -> None:
    """Sets flags on all mounts of a tree from `clone_tree`."""
    attr = _MountAttr(flags, 0, 0, userns)
    how = _AT_EMPTY_PATH | _AT_RECURSIVE
    syscall(_MOUNT_SETATTR, tree, b"", how, ctypes.byref(attr), ctypes.sizeof(attr))


def set_mount_at(path: str, flags: int) -> None:
    """Sets flags on the one mount at `path`."""
    attr = _MountAttr(flags, 0, 0, 0)
    size = ctypes.sizeof(attr)
    syscall(_MOUNT_SETATTR, AT_FDCWD, os.fsencode(path), 0, ctypes.byref(attr), size)


def attach(tree: int, target: str) -> None:
    """Mounts a tree from `clone_tree` at `target`."""
    target = os.fsencode(target)
    syscall(_MOVE_MOUNT, tree, b"", AT_FDCWD, target, _MOVE_MOUNT_F_EMPTY_PATH)


def close_range(first: int, last: int) -> None:
    syscall(_CLOSE_RANGE, c_uint(first), c_uint(last), 0)


def drop_capabilities() -> None:
    """No capability in the effective, permitted and inheritable sets (capset(2), version 3)."""
    header = (c_uint32 * 2)(0x20080522, 0)
    _checked(_libc.capset(header, (c_uint32 * 6)()))
