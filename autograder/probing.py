"""What probes use beside an answer: calls that may raise, weights put in, gradients that leak."""

from collections.abc import Callable

import torch


def call(function, *arguments, **named) -> dict:
    """What a call returned, or the error it raised, as plain data.

    An exercise not yet attempted stays not attempted.
    """
    try:
        return {"returned": function(*arguments, **named)}
    except (NotImplementedError, KeyboardInterrupt):
        raise
    except BaseException as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        return {"raised": kinds[0], "kinds": kinds, "message": str(error)[:300]}


def fill(module: torch.nn.Module, weights: dict[str, torch.Tensor]) -> dict | None:
    """Copies `weights` into the module's parameters and buffers of those names.

    Returns None, or for the first that does not fit its `parameter` name and the `shape` found
    under that name (None where there is nothing); `Question.misfit` puts it into words.
    """
    own = dict(module.named_parameters()) | dict(module.named_buffers())
    for name, value in weights.items():
        if name not in own or own[name].shape != value.shape:
            return {"parameter": name, "shape": tuple(own[name].shape) if name in own else None}
    with torch.no_grad():
        for name, value in weights.items():
            own[name].copy_(value)
    return None


def influence(function: Callable, x: torch.Tensor, time_dim: int = 1, seed: int = 0) -> list:
    """How much output position t moves with input position s: rows t, columns s.

    The sum of the absolute gradients of a random combination of output t; exactly 0 where the
    output does not depend on the input. `function` maps a tensor to one with the same time axis.
    """
    x = x.detach().clone().requires_grad_()
    y = function(x)
    direction = torch.randn(
        y.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float32
    ).to(y)
    other = [dim for dim in range(x.dim()) if dim != time_dim % x.dim()]
    rows = []
    for t in range(y.shape[time_dim]):
        output = (y * direction).select(time_dim, t).sum()
        (gradient,) = torch.autograd.grad(output, x, retain_graph=True, allow_unused=True)
        moved = torch.zeros_like(x) if gradient is None else gradient
        rows.append(moved.abs().sum(other).tolist())
    return rows
