"""Landlock: rights on files, TCP, signals and abstract sockets that a process gives up.

After the kernel's Documentation/userspace-api/landlock.rst. Rights that the running kernel does
not know yet are left out.
"""

import ctypes
import os
from ctypes import c_int, c_int32, c_uint64

from . import linux

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH = 1, 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << n for n in range(6))
MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK = (1 << n for n in range(6, 12))
MAKE_SYM, REFER, TRUNCATE, IOCTL_DEV = (1 << n for n in range(12, 16))

READ = EXECUTE | READ_FILE | READ_DIR
DEVICE = READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEV
WRITE = READ | WRITE_FILE | TRUNCATE | REFER | REMOVE_DIR | REMOVE_FILE
WRITE |= MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO | MAKE_SYM
_OF_FILES = EXECUTE | DEVICE  # the rights that a rule on what is no folder may name

_BIND_TCP, _CONNECT_TCP = 1, 2
_SCOPE_ABSTRACT_SOCKETS, _SCOPE_SIGNALS = 1, 2


class _Ruleset(ctypes.Structure):
    _fields_ = [("files", c_uint64), ("net", c_uint64), ("scoped", c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("allowed", c_uint64), ("folder", c_int32)]


def abi() -> int:
    """The version of Landlock in the running kernel. `OSError` where there is none."""
    return linux.syscall(_CREATE_RULESET, None, 0, _VERSION)


def _ruleset(version: int) -> tuple[_Ruleset, int]:
    """All that this version can forbid, and the size of the structure that it knows."""
    files = (1 << 13) - 1
    files |= REFER if version >= 2 else 0
    files |= TRUNCATE if version >= 3 else 0
    files |= IOCTL_DEV if version >= 5 else 0
    net = _BIND_TCP | _CONNECT_TCP if version >= 4 else 0
    scoped = _SCOPE_ABSTRACT_SOCKETS | _SCOPE_SIGNALS if version >= 6 else 0
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    return _Ruleset(files, net, scoped), size


def restrict(rights: dict[str, int]) -> None:
    """Leaves this process these rights at and below these paths; no_new_privs must be set."""
    attr, size = _ruleset(abi())
    rules = linux.syscall(_CREATE_RULESET, ctypes.byref(attr), size, 0)
    try:
        for path, allowed in rights.items():
            _allow(rules, path, allowed & attr.files)
        linux.syscall(_RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)


def _allow(rules: int, path: str, allowed: int) -> None:
    folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not os.path.isdir(path):
            allowed &= _OF_FILES
        rule = _PathBeneath(allowed, folder)
        linux.syscall(_ADD_RULE, rules, c_int(_PATH_BENEATH), ctypes.byref(rule), 0)
    finally:
        os.close(folder)
