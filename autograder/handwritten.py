"""Keeps the library's own answer out of reach while a hand-written one is checked."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from torch.nn.attention import flex_attention
from torch.overrides import TorchFunctionMode

from autograder.probing import one_thread
from autograder.question import Case, Finding, Question

# Parts of the names of what torch has for attention and for softmax, in every spelling: torch.nn.functional,
# tensor methods, torch._C, torch.ops.aten. Modules such as nn.MultiheadAttention call one of them.
ATTENTION = ("scaled_dot_product", "multi_head_attention", "transformer_encoder_layer", "flex_attention")  # fmt: skip
SOFTMAX = ("softmax", "softmin")


class LibraryUsed(Exception):
    """A hand-written answer called what it should build; the message says so to the student."""


class _Refusing(TorchFunctionMode):
    """Sees each call of torch's functions in this thread, by whatever name they were imported."""

    def __init__(self, parts: tuple[str, ...]):
        self.parts = parts

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "")
        if any(part in name for part in self.parts):
            raise LibraryUsed(_sentence(name))
        return function(*args, **(kwargs or {}))


@contextmanager
def refusing(parts: tuple[str, ...]):
    """While it holds, calling a function of torch whose name has one of `parts` raises `LibraryUsed`.

    Functions that were compiled before (torch.jit, torch.compile) are not seen.
    """

    def refuse(*_, **__):
        raise LibraryUsed(_sentence("flex_attention"))

    with patch.object(flex_attention, "_validate_sdpa_input", refuse), _Refusing(parts):
        yield


def _sentence(name: str) -> str:
    return f"{name} of PyTorch is the oracle here and not the answer: write it by hand."


class HandWritten(Question):
    """A question whose answer may not call the library functions that it `forbids`.

    Subclasses define `attempt`, `result` and `findings` in place of `probe`, `comparable` and
    `verdict`. `attempt` returns None or a dictionary.
    """

    forbids: tuple[str, ...] = ATTENTION

    def attempt(self, answer, inputs: dict) -> dict | None:
        """Calls the answer and returns what it did as plain data."""
        raise NotImplementedError

    def result(self, case: Case, seen: dict):
        """The part of what `attempt` returned that known mistakes are compared with."""
        return seen["value"]

    def findings(self, case: Case, seen: dict) -> Iterator[Finding]:
        """Judges what `attempt` returned."""
        raise NotImplementedError

    def probe(self, answer, inputs: dict) -> dict | None:
        try:
            with one_thread(), refusing(self.forbids):
                return self.attempt(answer, inputs)
        except LibraryUsed as error:
            return {"refused": str(error)}

    def comparable(self, case: Case, seen):
        return seen if seen is None or "refused" in seen else self.result(case, seen)

    def verdict(self, case: Case, seen) -> Iterator[Finding]:
        if "refused" in seen:
            for aspect in case.aspects:
                yield Finding(aspect, seen["refused"])
        else:
            yield from self.findings(case, seen)
