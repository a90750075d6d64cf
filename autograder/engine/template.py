"""The template: a process that has imported everything and forks kernels and their judges from it.

    python -m autograder.engine.template SOCKET IDLE

It listens on a Unix socket that only its owner can reach. A client asks for one kernel, gets the
number of its process, and holds the connection as long as it wants the kernel to live. With
nobody connected for IDLE seconds the template ends.
"""

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import random
import select
import signal
import socket
import sys
import time
from pathlib import Path

# The template's environment; set before Python starts, since imports read it.
ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",  # its threads would start at import, and forbid a sandbox
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # a warning of the debugger's, which nobody uses here
}
STARTING = 20.0  # seconds in which a kernel must have entered its sandbox
PRINTED = 60_000_000  # characters of a cell; more than the client takes before it ends the cell
PRELOADED = (
    "torch", "torch.nn.functional", "numpy", "transformers", "tiktoken", "tiktoken_ext.openai_public",
    "regex", "pandas", "pandas.io.formats.style", "safetensors.torch", "tqdm.auto", "ipywidgets",
    "matplotlib.pyplot", "matplotlib.font_manager", "matplotlib_inline.backend_inline",
    "matplotlib.backends.backend_agg", "ipykernel.kernelapp", "ipykernel.ipkernel",
    "ipykernel.debugger", "IPython.core.completer", "course", "autograder", "autograder.engine.agent",
)  # fmt: skip
# Names that transformers loads when they are first used.
LAZY = ("GPT2Config", "GPT2LMHeadModel", "GPT2Tokenizer", "AutoTokenizer", "AutoModelForCausalLM")


def import_all() -> None:
    """Imports what labs import."""
    for name in PRELOADED:
        importlib.import_module(name)
    import transformers

    for name in LAZY:
        getattr(transformers, name)
    for package in ("course.plots", "autograder.questions"):
        folder = importlib.import_module(package).__path__
        for module in pkgutil.iter_modules(folder):
            importlib.import_module(f"{package}.{module.name}")


def preload() -> None:
    """Imports everything. Never what only the judge may know: a kernel is forked from this."""
    import_all()
    assert not any(name.startswith("autograder.hidden") for name in sys.modules)
    from autograder.engine import sandbox

    sandbox.missing_layers()  # tried once, here, and remembered by the children
    gc.collect()
    gc.freeze()  # so that the collector does not touch, and so copy, the pages that are shared


class Template:
    """Serves the socket until nobody has been connected for `idle` seconds."""

    def __init__(self, listener: socket.socket, idle: float):
        self._listener, self._idle = listener, idle
        self._alive: dict[socket.socket, list[int]] = {}  # a connection's kernel and judge
        self._ending: set[int] = set()

    def run(self) -> None:
        quiet_since = time.monotonic()
        while self._alive or time.monotonic() - quiet_since < self._idle:
            ready, _, _ = select.select([self._listener, *self._alive], [], [], 1.0)
            for connection in ready:
                if connection is self._listener:
                    self._accept()
                else:
                    self._end(connection)  # clients say nothing more, so this is their farewell
            self._reap()
            if self._alive or ready:
                quiet_since = time.monotonic()

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        try:
            connection.settimeout(STARTING)
            data, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, 1)
            control = socket.socket(fileno=descriptors[0])
            answer = self._start(connection, json.loads(data), control)
            connection.sendall(json.dumps(answer).encode())
        except (OSError, ValueError, LookupError) as error:
            with contextlib.suppress(OSError):
                connection.sendall(json.dumps({"error": str(error)}).encode())
            self._end(connection)

    def _start(self, connection, order: dict, control: socket.socket) -> dict:
        """Forks a kernel and its judge. Both die with the connection."""
        order["template"] = os.getpid()
        of_kernel, of_judge = socket.socketpair()
        told, tells = os.pipe()
        others = [self._listener, *self._alive, connection]
        started: list[int] = []
        self._alive[connection] = started
        kernel = _fork(_be_kernel, order, of_kernel, tells, [*others, of_judge, control])
        started.append(kernel)
        started.append(_fork(_be_judge, of_judge, control, [*others, of_kernel]))
        for end in (of_kernel, of_judge, control):
            end.close()
        os.close(tells)
        said = _read_line(told)
        if not said.isdigit():
            raise OSError(said or "the kernel ended before it was ready")
        return {"pid": int(said), "root": kernel}

    def _end(self, connection: socket.socket) -> None:
        connection.close()
        for pid in self._alive.pop(connection, []):
            os.kill(pid, signal.SIGKILL)
            self._ending.add(pid)

    def _reap(self) -> None:
        """Takes leave of who was killed, and of nobody before: their numbers are given out again."""
        self._ending = {pid for pid in self._ending if os.waitpid(pid, os.WNOHANG) == (0, 0)}


def _fork(main, *arguments) -> int:
    """Runs `main` in a child, which never returns from here."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        main(*arguments)
        status = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


def _read_line(descriptor: int) -> str:
    """The line that a kernel writes once it is in its sandbox: its number, or what went wrong."""
    data, deadline = b"", time.monotonic() + STARTING
    with os.fdopen(descriptor, "rb", buffering=0) as pipe:
        while b"\n" not in data:
            ready, _, _ = select.select([pipe], [], [], max(deadline - time.monotonic(), 0))
            part = pipe.read(1000) if ready else b""
            if not part:
                break
            data += part
    return data.decode(errors="replace").strip()


# --- in the children


def _be_judge(kernel: socket.socket, control: socket.socket, others: list) -> None:
    for other in others:
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from autograder.engine import judge

    judge.serve(kernel, control)


def _be_kernel(order: dict, judge: socket.socket, tells: int, others: list) -> None:
    for other in others:
        other.close()
    _enter_sandbox(order, judge, tells)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["scratch"])
    _forget(order["threads"], order["gpu_share"])
    connection_file = Path(order["scratch"]) / "kernel.json"
    connection_file.write_text(json.dumps(order["connection"]))
    _run_kernel(connection_file, judge, locked_in=order["sandbox"] is not None)


def _enter_sandbox(order: dict, judge: socket.socket, tells: int) -> None:
    if order["sandbox"] is None:
        os.setsid()
        os.write(tells, f"{os.getpid()}\n".encode())
        os.close(tells)
        return
    from autograder.engine.sandbox import Limits, SandboxError, View, enter

    sandbox = order["sandbox"]
    view = View(
        read=tuple(map(Path, sandbox["read"])),
        hidden=tuple(map(Path, sandbox["hidden"])),
        sockets=Path(sandbox["sockets"]),
        scratch=Path(order["scratch"]),
        devices=tuple(map(Path, sandbox["devices"])),
    )
    try:
        enter(
            view,
            Limits(**sandbox["limits"]),
            tells,
            keep=(judge.fileno(),),
            parent=order["template"],
        )
    except SandboxError as error:
        os.write(tells, f"{error}\n".encode())
        os._exit(1)


def _forget(threads: int, gpu_share: float) -> None:
    """Undoes what every child would share with the others, and shares out threads and GPU."""
    import numpy
    import torch

    random.seed()
    numpy.random.seed()
    torch.seed()
    torch.set_num_threads(threads)
    if gpu_share and torch.cuda.is_available():
        torch.cuda.set_per_process_memory_fraction(gpu_share)


def _run_kernel(connection_file: Path, judge: socket.socket, locked_in: bool) -> None:
    """Runs the kernel. Its files 0 to 2 lead nowhere: the template's log is for all kernels."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
    from ipykernel.iostream import IOPubThread
    from ipykernel.kernelapp import IPKernelApp

    from autograder.engine import agent
    from autograder.engine.sandbox import no_more_sockets

    # Forked children would send what they print over TCP, which the sandbox does not have.
    _bound_output()
    IOPubThread._setup_pipe_in = lambda thread: setattr(thread, "_pipe_flag", False)
    application = IPKernelApp.instance()
    application.initialize(
        ["-f", str(connection_file), "--HistoryManager.enabled=False", "--log-level=CRITICAL",
         "--IPKernelApp.no_stderr=True"]
    )  # fmt: skip
    application.shell.ask_exit = lambda: None  # `exit()` in a cell ends nothing
    agent.start(judge, application.kernel)
    if locked_in:
        no_more_sockets()
    application.start()


def _bound_output() -> None:
    """Lets a cell print so much and no more, as the client refuses messages that are too large."""
    from ipykernel.iostream import OutStream

    unbounded = OutStream.write

    def write(stream, text: str) -> int | None:
        cell, printed = vars(stream).get("_printed", ("", 0))
        now = stream.parent_header.get("header", {}).get("msg_id", "")
        printed = printed * (cell == now) + len(text)
        stream._printed = now, printed
        return unbounded(stream, text) if printed < PRINTED else len(text)

    OutStream.write = write


def main(path: str, idle: str) -> None:
    preload()
    tasks = Path("/proc/self/task")
    if tasks.is_dir() and len(list(tasks.iterdir())) > 1:
        sys.exit("The template has started threads, so kernels cannot be forked from it.")
    with socket.socket(socket.AF_UNIX) as other:
        if other.connect_ex(path) == 0:
            return  # started at the same time, and was faster
    listener = socket.socket(socket.AF_UNIX)
    unfinished = f"{path}.{os.getpid()}"
    listener.bind(unfinished)
    os.chmod(unfinished, 0o600)
    listener.listen()
    os.replace(unfinished, path)  # a client that sees the path can connect
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Template(listener, float(idle)).run()
    for made in (Path(path), Path(path).with_suffix(".log")):
        made.unlink(missing_ok=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
