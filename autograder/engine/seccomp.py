"""The filter of system calls: a classic BPF program made here and given to seccomp(2).

It refuses with EPERM what a notebook never needs and what would widen its reach; all else is
left to the other layers. Programs that probe for a call see an error and go on.
"""

import ctypes
import errno
import platform
import socket
from ctypes import c_uint8, c_uint16, c_uint32, c_void_p
from typing import NamedTuple

from . import linux


class _Machine(NamedTuple):
    audit: int  # AUDIT_ARCH_* of linux/audit.h
    column: int  # of the table below


_MACHINES = {"x86_64": _Machine(0xC000003E, 0), "aarch64": _Machine(0xC00000B7, 1)}

# Numbers on x86_64 and aarch64, from the kernel's syscall tables; None: no such call there.
_SAME = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
    "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443,
    "memfd_secret": 447, "process_mrelease": 448, "statmount": 457, "listmount": 458,
    "lsm_set_self_attr": 460, "open_tree_attr": 467,
}  # fmt: skip
_DENIED = {
    # other processes' memory and files
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kcmp": (312, 272), "move_pages": (279, 239), "migrate_pages": (256, 238),
    # mounts, roots, namespaces
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "unshare": (272, 97), "setns": (308, 268),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
    # parts of the kernel with a large surface
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "fanotify_init": (300, 262), "fanotify_mark": (301, 263), "modify_ldt": (154, None),
    "uselib": (134, None), "lookup_dcookie": (212, 18),
    # the machine
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "quotactl": (179, 60),
    "swapon": (167, 224), "swapoff": (168, 225), "reboot": (169, 142), "acct": (163, 89),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266),
    "adjtimex": (159, 171), "syslog": (103, 116), "sethostname": (170, 161),
    "setdomainname": (171, 162), "iopl": (172, None), "ioperm": (173, None),
    "vhangup": (153, 58), "personality": (135, 92), "nfsservctl": (180, 42),
    # memory that no resource limit counts
    "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "memfd_create": (319, 279),
    **{name: (number, number) for name, number in _SAME.items()},
}  # fmt: skip
_ASKED = {
    "socket": (41, 198), "socketpair": (53, 199), "clone": (56, 220), "ioctl": (16, 29),
    "prctl": (157, 167), "clone3": (435, 435),
}  # fmt: skip

# linux/bpf_common.h, linux/seccomp.h, asm-generic/ioctls.h
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _FIRST, _SECOND = 0, 4, 16, 24  # offsets in seccomp_data, lower halves
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_X32 = 0x40000000
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_NAMESPACES = (
    linux.CLONE_NEWNS | linux.CLONE_NEWCGROUP | linux.CLONE_NEWUTS | linux.CLONE_NEWIPC
    | linux.CLONE_NEWUSER | linux.CLONE_NEWPID | linux.CLONE_NEWNET
)  # fmt: skip


class _Instruction(ctypes.Structure):
    _fields_ = [("code", c_uint16), ("yes", c_uint8), ("no", c_uint8), ("value", c_uint32)]


class _Program(ctypes.Structure):
    _fields_ = [("length", c_uint16), ("instructions", c_void_p)]


def _refuse(number: int = errno.EPERM) -> tuple:
    return (_RETURN, 0, 0, _ERRNO | number)


def _when(number: int, *then: tuple) -> list[tuple]:
    """Runs `then`, which must return, for the call of this number."""
    return [(_EQUAL, 0, len(then), number), *then]


def program(machine: str) -> list[tuple[int, int, int, int]]:
    """The filter as (code, jump if true, jump if false, value). `KeyError`: unknown machine."""
    audit, column = _MACHINES[machine]
    call = {name: numbers[column] for name, numbers in _ASKED.items()}
    allow, refuse = (_RETURN, 0, 0, _ALLOW), _refuse()
    steps = [(_LOAD, 0, 0, _ARCH), (_EQUAL, 1, 0, audit), refuse, (_LOAD, 0, 0, _NUMBER)]
    if machine == "x86_64":
        steps += [(_AT_LEAST, 0, 1, _X32), refuse]
    for numbers in _DENIED.values():
        if numbers[column] is not None:
            steps += _when(numbers[column], refuse)
    # C libraries fall back from clone3, whose flags a filter cannot see, to clone.
    steps += _when(call["clone3"], _refuse(errno.ENOSYS))
    first = (_LOAD, 0, 0, _FIRST)
    for name in ("socket", "socketpair"):
        steps += _when(call[name], first, (_EQUAL, 0, 1, int(socket.AF_UNIX)), allow, refuse)
    steps += _when(call["clone"], first, (_ANY_BIT, 0, 1, _NAMESPACES), refuse, allow)
    # A terminal that the grader was started from would take what is typed into it this way.
    second = (_LOAD, 0, 0, _SECOND)
    terminal = [(_EQUAL, 1, 0, _TIOCSTI), (_EQUAL, 0, 1, _TIOCLINUX), refuse, allow]
    steps += _when(call["ioctl"], second, *terminal)
    # Answered as done and not done: the process could otherwise outlive the grader.
    death = (_EQUAL, 0, 1, linux.PR_SET_PDEATHSIG)
    steps += _when(call["prctl"], first, death, _refuse(0), allow)
    return [*steps, allow]


def install() -> None:
    """Filters this process and all that it will start; no_new_privs must be set."""
    machine = platform.machine()
    if machine not in _MACHINES:
        raise OSError(errno.ENOSYS, f"there is no filter for {machine}")
    steps = program(machine)
    array = (_Instruction * len(steps))(*steps)
    given = _Program(len(steps), ctypes.cast(array, c_void_p))
    linux.prctl(linux.PR_SET_SECCOMP, linux.SECCOMP_MODE_FILTER, ctypes.addressof(given))
