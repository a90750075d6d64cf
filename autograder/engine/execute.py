"""Runs a submission in sandboxed kernels and has the judge examine its answers.

First all cells run in order, and every check keeps its answer as it is at that place. Only then,
when the last output has been taken, does the judge send hidden cases: so nothing of them can be
printed. A cell or an answer that ends the kernel is left out, and the rest runs again without it.
"""

import asyncio
import contextlib
import hmac
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import islice
from queue import Empty

from jupyter_client.session import Session
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograder.engine import wire
from autograder.engine.agent import REQUEST
from autograder.engine.kernels import ForkedKernelManager, KernelError, Settings
from autograder.engine.safe import safe_output
from autograder.engine.submission import Check

STARTS = 3  # tries to start a kernel
STARTUP = 60.0  # seconds in which a kernel must answer
GRACE = 3.0  # seconds in which a cell that was interrupted must end
OVERDUE = 15.0  # seconds beyond a call's own in which the judge hears of it at the latest


@dataclass(frozen=True)
class Budget:
    """What one submission may take. Times in seconds, outputs in bytes."""

    cell: float = 60.0
    call: float = 10.0
    submission: float = 300.0
    output: int = 200_000  # of one cell; what comes after it is not kept
    flood: int = 50_000_000  # of one cell; it is interrupted then
    outputs: int = 4_000_000  # of all cells together
    kernels: int = 20  # how often a kernel is started, the first time included


@dataclass
class Result:
    """What came of a submission: ledger entries by question, and what happened, by cell."""

    entries: dict[str, dict] = field(default_factory=dict)
    events: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class _Ended(Exception):
    """The kernel is gone; the message says what ended it."""


async def run(
    notebook: NotebookNode,
    checks: dict[str, Check],
    seed: bytes,
    settings: Settings,
    budget: Budget,
    idle: frozenset[int] = frozenset(),
) -> Result:
    """Executes the notebook, fills in its cells' outputs, and examines every check's answers.

    The cells at the positions `idle` are not run.
    """
    result = Result()
    pending = {
        name: variable for check in checks.values() for name, variable in check.questions.items()
    }
    shown: set[int] = set()  # cells whose outputs have been taken
    left = budget.submission
    for _ in range(budget.kernels):
        async with _kernel(notebook, settings, budget) as kernel:
            deadline = time.monotonic() + left  # to start a kernel takes none of a student's time
            try:
                await kernel.run_cells(checks, result, shown, deadline, idle)
                await _examine_all(kernel, pending, seed, result, deadline)
                return result
            except _Ended as error:
                result.notes.append(str(error))
            left = deadline - time.monotonic()
        if left <= 0:
            break
    return result


async def _examine_all(
    kernel: "_Kernel", pending: dict[str, str], seed: bytes, result: Result, deadline: float
) -> None:
    """Has the judge ask what is `pending`, and takes from there what has its entry.

    First the visible cases of all questions, then the hidden ones: what an answer returns on visible
    cases is shown, so it must not know others by then. Raises `_Ended` where the kernel ends.
    """
    for part in ("visible", "hidden"):
        first = True
        for name, variable in list(pending.items()):
            order = {
                "question": name,
                "part": part,
                "seed": hmac.digest(seed, name.encode(), "sha256").hex(),
            }
            try:
                entry = await kernel.examine(order, deadline)
            except _Ended:
                del pending[name]  # else it would keep the others from being asked
                raise
            if not entry["alive"] and not first:
                # What ended it may be left from others: a new kernel is asked this one first.
                others = {n: v for n, v in pending.items() if n != name}
                pending.clear()
                pending.update({name: variable} | others)
                raise _Ended(f"{variable} was asked again in a new kernel")
            if "question" in entry:
                result.entries[name] = entry
                del pending[name]
            if not entry["alive"]:
                raise _Ended(f"{variable} ended the kernel, or held it for too long")
            first = False


@contextlib.asynccontextmanager
async def _kernel(notebook, settings: Settings, budget: Budget) -> AsyncIterator["_Kernel"]:
    """A kernel that answers; gone with everything it started when the block ends."""
    kernel = await _started(notebook, settings, budget)
    try:
        yield kernel
    finally:
        await kernel.stop()


async def _started(notebook, settings: Settings, budget: Budget) -> "_Kernel":
    """A kernel that answers. One that fails before any cell has run is not the student's doing."""
    for attempt in range(STARTS):
        kernel = _Kernel(
            notebook, km=ForkedKernelManager(settings, session=Session()), budget=budget
        )
        try:
            await kernel.km.start_kernel()
            await kernel.async_start_new_kernel_client()
            return kernel
        except KernelError as error:
            await kernel.stop()
            if attempt == STARTS - 1:
                raise KernelError(f"No kernel could be started: {error}") from None
    raise AssertionError("not reached")


class _Kernel(NotebookClient):
    """nbclient over one forked kernel, with limits on what cells put out and how long they take."""

    def __init__(self, notebook, km, budget: Budget):
        super().__init__(
            notebook, km=km, allow_errors=True, record_timing=False, store_widget_state=False,
            timeout=int(budget.cell), interrupt_on_timeout=True, raise_on_iopub_timeout=False,
            iopub_timeout=2, coalesce_streams=True, skip_cells_with_tag="",
        )  # fmt: skip
        self._budget = budget
        self._size: dict[tuple[int, bool], int] = {}  # of what cells put out, and of their errors
        self._kept = len(repr([cell.get("outputs") for cell in notebook.cells]))
        self._keep = True  # whether outputs of the cell that runs are wanted
        self._cut: set[int] = set()  # cells of which something was
        self._stopping: asyncio.Future | None = None

    async def async_start_new_kernel_client(self):
        """Connects to the kernel. (nbclient would then listen to a fifth of a second of silence.)"""
        self.kc = self.km.client()
        self.kc.start_channels()
        self.kc.allow_stdin = False
        until = time.monotonic() + STARTUP
        while not await self._is_ready():
            if not await self._lives() or time.monotonic() > until:
                raise KernelError("the kernel did not answer")
        return self.kc

    async def _is_ready(self) -> bool:
        """Whether the kernel answers, and what it publishes arrives, up to the end of the answer."""
        try:
            request = self._request({})
            while (await self.kc.shell_channel.get_msg(timeout=1))["parent_header"][
                "msg_id"
            ] != request:
                pass
            while True:
                said = await self.kc.iopub_channel.get_msg(timeout=0.2)
                of_request = said["parent_header"].get("msg_id") == request
                if of_request and said["content"].get("execution_state") == "idle":
                    return True
        except Empty:
            return False

    async def stop(self) -> None:
        with contextlib.suppress(Exception):
            if self.kc:
                self.kc.stop_channels()
        await self.km.shutdown_kernel(now=True)

    # --- the first round: cells

    async def run_cells(
        self, checks: dict, result: Result, shown: set[int], deadline: float, idle: frozenset[int]
    ) -> None:
        ran: int | None = None  # the last cell that ran
        for index, cell in enumerate(self.nb.cells):
            if cell.cell_type != "code" or index in result.events or index in idle:
                continue
            check = checks.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
            if check:
                blamed = index if ran is None else ran  # a check itself does not end kernels
            else:
                blamed = ran = index
            try:
                if check:
                    for name, variable in check.questions.items():
                        await self._do({"question": name, "variable": variable}, GRACE)
                else:
                    await self._run_cell(index, deadline, keep=index not in shown)
            except _Ended as error:
                result.events[blamed] = str(error)
                shown.add(blamed)
                raise
            shown.add(index)

    async def _run_cell(self, index: int, deadline: float, keep: bool) -> None:
        """Runs one cell. Raises `_Ended` where the kernel does not survive it."""
        cell, kept = self.nb.cells[index], self.nb.cells[index].get("outputs", [])
        left = deadline - time.monotonic()
        if left <= 0:
            raise _Ended("The time for one submission was over before this cell")
        self._keep = keep
        why = f"This cell ran for more than {self._budget.cell:g} s and was stopped"
        started = time.monotonic()
        try:
            execution = self.async_execute_cell(cell, index)
            await asyncio.wait_for(execution, min(left, self._budget.cell + 2 * GRACE))
            if time.monotonic() - started > self._budget.cell:
                cell.outputs.append(_said(f"{why}."))
        except (CellTimeoutError, TimeoutError):
            if await self._lives():
                if not await self._interrupted():
                    raise _Ended(f"{why}, with its kernel") from None
                cell.outputs.append(_said(f"{why}."))
            else:
                raise _Ended("This cell ended the kernel") from None
        except DeadKernelError:  # also where nbclient has waited for too long
            if await self._lives():
                why = f"This cell ran for more than {self._budget.cell:g} s"
                raise _Ended(f"{why} and was stopped, with its kernel") from None
            raise _Ended("This cell ended the kernel, or took more memory than there is") from None
        except Exception:  # a kernel can send what nbclient does not expect
            await self._do({}, GRACE)
            cell.outputs.append(_said("The outputs of this cell could not be read."))
        finally:
            safe = filter(None, map(safe_output, self.nb.cells[index].get("outputs", [])))
            self.nb.cells[index].outputs = list(safe) if keep else kept
            cell.execution_count = None  # kernels send what they like for it, and pages show it

    def process_message(self, msg, cell, cell_index):
        """Counts what a cell puts out, and drops what is too much while it streams."""
        kind = msg["msg_type"]
        if kind in ("stream", "display_data", "execute_result", "error"):
            # Errors are counted apart: what ended a cell is shown also where much stands before it.
            counted = cell_index, kind == "error"
            before, length = self._size.get(counted, 0), len(repr(msg["content"]))
            self._size[counted] = size = before + length
            if before <= self._budget.flood < size:
                self._stopping = asyncio.ensure_future(self.km.interrupt_kernel())
            if not self._keep:
                return None
            if size > self._budget.output or self._kept + length > self._budget.outputs:
                if cell_index not in self._cut:
                    self._cut.add(cell_index)
                    cell.outputs.append(
                        _said("This cell put out more than is kept: the rest is cut.")
                    )
                return None
            self._kept += length
        if kind in ("update_display_data", "comm_open", "comm_msg", "comm_close"):
            return None  # what would change outputs of other cells
        return super().process_message(msg, cell, cell_index)

    # --- the second round: the judge

    async def examine(self, order: dict, deadline: float) -> dict:
        """What the judge says of one question, with the kernel at its service."""
        loop, control = asyncio.get_running_loop(), self.km.provisioner.control
        order |= {"seconds": self._budget.call, "lines": self._lines()}
        self._request({"question": order["question"]})
        await loop.run_in_executor(None, wire.send, control, order)
        while True:
            # The judge says now and then that it goes on, so its silence is more than a long call.
            left = min(self._budget.call, max(deadline - time.monotonic(), 0.0)) + OVERDUE
            try:
                said = await loop.run_in_executor(None, wire.receive, control, left)
            except (wire.Closed, TimeoutError, ValueError):
                raise _Ended(f"No report on {order['question']} could be made") from None
            if said.get("interrupt"):
                await self.km.interrupt_kernel()
            elif time.monotonic() > deadline and "question" not in said:
                raise _Ended("The time for one submission was over")
            elif "goes on" not in said:
                return said

    # --- small things

    def _lines(self) -> set[str]:
        """The lines of code that a report may quote."""
        lines = {line.strip() for cell in self.nb.cells for line in cell.source.splitlines()}
        return set(islice((line for line in lines if len(line) < 300), 10_000))

    def _request(self, content: dict) -> str:
        """Sends the agent in the kernel a message, and returns its id."""
        message = self.kc.session.msg(REQUEST, content)
        self.kc.shell_channel.send(message)
        return message["header"]["msg_id"]

    async def _do(self, content: dict, seconds: float) -> None:
        """Has the agent do something. Raises `_Ended` where the kernel does not answer."""
        request = self._request(content)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with contextlib.suppress(Exception):
                reply = await self.kc.shell_channel.get_msg(timeout=0.5)
                if reply["parent_header"].get("msg_id") == request:
                    return
            if not await self._lives():
                raise _Ended("The kernel ended")
        raise _Ended("The kernel did not answer any more")

    async def _lives(self) -> bool:
        return await self.km.provisioner.poll() is None

    async def _interrupted(self) -> bool:
        """Whether the kernel comes back from an interrupt."""
        await self.km.interrupt_kernel()
        try:
            await self._do({}, GRACE)
        except _Ended:
            return False
        return True


def _said(text: str) -> NotebookNode:
    return new_output("stream", name="stderr", text=f"\n[{text}]\n")
