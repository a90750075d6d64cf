"""Compares tensors in layers (type, shape, dtype, device, NaN, value) and says which one differs."""

from dataclasses import dataclass

import torch

# Absolute and relative tolerances, by dtype: the one place where they are set.
TOLERANCES = {
    torch.float64: (1e-7, 1e-7),
    torch.float32: (1e-5, 1e-4),
    torch.float16: (1e-3, 1e-2),
    torch.bfloat16: (1e-2, 2e-2),
}
GPU_FACTOR = 4.0  # sums are taken in another order there


@dataclass(frozen=True)
class Difference:
    """The first layer in which two tensors differ, in words, and where the values do."""

    layer: str
    message: str
    where: str = ""
    picture: list[list[bool]] | None = None


def compare(expected: torch.Tensor, facts: dict, name: str = "the result") -> Difference | None:
    """How what `tensor_facts` saw differs from `expected`, or None.

    Layers are compared in order and the first that differs is returned, because a wrong shape
    explains a wrong value and not the other way round.
    """
    if facts["kind"] != "torch.Tensor":
        return Difference("type", f"{name} is a {facts['kind']}, expected a torch.Tensor")
    value = facts["value"]
    if value.shape != expected.shape:
        return Difference(
            "shape", f"{name} has shape {tuple(value.shape)}, expected {tuple(expected.shape)}"
        )
    if value.dtype != expected.dtype:
        return Difference("dtype", f"{name} has dtype {value.dtype}, expected {expected.dtype}")
    if facts["device"] != expected.device.type:
        return Difference(
            "device", f"{name} is on {facts['device']}, expected {expected.device.type}"
        )
    nan = value.isnan() if value.is_floating_point() else torch.zeros_like(value, dtype=torch.bool)
    if nan.any() and not expected.isnan().any():
        return Difference("NaN", f"{name} holds NaN", _place(index_of(nan)), picture_of(~nan))
    close = isclose(value, expected, facts["device"])
    if close.all():
        return None
    index = index_of(~close)
    place, got = _place(index), f"got {value[index].item()}, expected {expected[index].item()}"
    where = f"{place}: {got}" if place else got
    return Difference("value", f"{name} has wrong values", where, picture_of(close))


def _place(index: tuple[int, ...]) -> str:
    """Where in a tensor; nothing for a scalar, which has one place only."""
    return f"first at {list(index)}" if index else ""


def isclose(value: torch.Tensor, expected: torch.Tensor, device: str = "cpu") -> torch.Tensor:
    """Entry by entry, whether two tensors of one shape and dtype agree. Exact for integers."""
    if not value.is_floating_point():
        return value == expected
    absolute, relative = TOLERANCES[value.dtype]
    factor = 1.0 if device == "cpu" else GPU_FACTOR
    return torch.isclose(
        value, expected, atol=factor * absolute, rtol=factor * relative, equal_nan=True
    )


def index_of(mask: torch.Tensor) -> tuple[int, ...]:
    """The index of the first True entry, rows first."""
    return tuple(mask.nonzero()[0].tolist())


def picture_of(right: torch.Tensor) -> list[list[bool]] | None:
    """Rows of True and False for a matrix of at most 32 by 32, else None."""
    if right.dim() != 2 or max(right.shape) > 32:
        return None
    return right.tolist()
