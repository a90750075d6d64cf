"""Pictures of lab 4: scores on their way to weights, who moves whom, heads, cost."""

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course.plots.style import COLOURS, MARKERS, TEXT_SIZE, finish, new_axes


def sharpness(widths: list[int], curves: dict[str, list[float]]) -> Figure:
    """The mean largest weight of a row as the head gets wider, a curve for each way to scale."""
    figure, axes = new_axes(
        "Without scaling, a wide head looks at one token only",
        "width of the head (head_dim)",
        "mean largest weight of a row",
    )
    for (name, values), colour, marker in zip(curves.items(), COLOURS, MARKERS):
        axes.plot(widths, values, color=colour, marker=marker, label=name)
    axes.set_xscale("log", base=2)
    axes.set_xticks(widths, [str(width) for width in widths])
    axes.set_ylim(0, 1)
    axes.legend(frameon=False)
    return finish(figure)


def stages(panels: dict[str, torch.Tensor], tokens: list[str]) -> Figure:
    """Matrices side by side with their numbers: rows are queries, columns keys, -inf is grey."""
    figure, axes = plt.subplots(1, len(panels), figsize=(3.6 * len(panels), 3.6), squeeze=False)
    for panel, (title, matrix) in zip(axes.flat, panels.items()):
        matrix = matrix.detach().cpu().float()
        finite = matrix[matrix.isfinite()]
        panel.set_facecolor("#dddddd")  # shows where -inf stands
        panel.imshow(
            matrix.masked_fill(matrix.isinf(), torch.nan),
            cmap="Blues",
            vmin=finite.min().item(),
            vmax=finite.max().item() * 1.5 + 1e-9,
        )
        for row, column in torch.cartesian_prod(*map(torch.arange, matrix.shape)).tolist():
            value = matrix[row, column].item()
            text = "-∞" if value == -torch.inf else f"{round(value, 2):g}"
            panel.text(column, row, text, ha="center", va="center", fontsize=TEXT_SIZE - 1)
        panel.set_title(title, fontsize=TEXT_SIZE + 1)
        panel.set_xticks(range(len(tokens)), tokens)
        panel.set_yticks(range(len(tokens)), tokens)
        panel.set_xlabel("key: is looked at", fontsize=TEXT_SIZE)
    axes[0, 0].set_ylabel("query: looks", fontsize=TEXT_SIZE)
    return finish(figure)


def reach(panels: dict[str, list[list[float]]]) -> Figure:
    """How much each output moves with each input: black where it does, white where it is exactly 0."""
    figure, axes = plt.subplots(1, len(panels), figsize=(4 * len(panels), 4), squeeze=False)
    for panel, (title, rows) in zip(axes.flat, panels.items()):
        panel.imshow(torch.tensor(rows) > 0, cmap="Greys", vmin=0, vmax=1.6)
        for edge in range(len(rows)):
            panel.axhline(edge - 0.5, color="#999", linewidth=0.6)
            panel.axvline(edge - 0.5, color="#999", linewidth=0.6)
        panel.set_title(title, fontsize=TEXT_SIZE + 1)
        panel.set_xticks(range(len(rows)))
        panel.set_yticks(range(len(rows)))
        panel.set_xlabel("input position", fontsize=TEXT_SIZE)
    axes[0, 0].set_ylabel("output position", fontsize=TEXT_SIZE)
    return finish(figure)


def heads(weights: torch.Tensor, tokens: list[str], title: str) -> Figure:
    """The attention weights (n_heads, time, time) of one layer, a panel for each head."""
    n_heads = len(weights)
    columns = 2 if n_heads <= 4 else 4  # few heads get larger panels
    rows = -(-n_heads // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(11, 11.6 / columns * rows), squeeze=False, sharex=True, sharey=True
    )
    for head, panel in enumerate(axes.flat):
        if head < n_heads:
            image = _weights(panel, weights[head], tokens)
            panel.set_title(f"head {head}", fontsize=TEXT_SIZE)
        else:
            panel.set_visible(False)
    figure.supxlabel("key: the token that is looked at", fontsize=TEXT_SIZE)
    figure.supylabel("query: the token that looks", fontsize=TEXT_SIZE)
    figure.suptitle(title, fontsize=TEXT_SIZE + 1)
    finish(figure)
    figure.colorbar(image, ax=axes, label="attention weight", shrink=0.8)
    return figure


def _weights(axes: Axes, matrix: torch.Tensor, tokens: list[str]):
    labels = [token.replace(" ", "·") for token in tokens]
    axes.set_xticks(range(len(tokens)), labels, rotation=90, fontsize=9)
    axes.set_yticks(range(len(tokens)), labels, fontsize=9)
    return axes.imshow(matrix.detach().cpu().float(), cmap="Blues", vmin=0, vmax=1)


def cost(
    times: list[int], flops: dict[str, list[float]], seconds: dict[str, list[float]]
) -> Figure:
    """Operations and measured time as the sequence grows, both axes logarithmic."""
    figure, (counted, measured) = plt.subplots(1, 2, figsize=(11, 4))
    for axes, curves, title, ylabel in (
        (counted, flops, "Counted: the part with time² overtakes", "operations"),
        (measured, seconds, "Measured on this computer", "milliseconds"),
    ):
        for (name, values), colour, marker in zip(curves.items(), COLOURS, MARKERS):
            axes.plot(times, values, color=colour, marker=marker, label=name)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xticks(times, [str(time) for time in times])
        axes.set_title(title, fontsize=TEXT_SIZE + 1)
        axes.set_xlabel("time (tokens in the sequence)", fontsize=TEXT_SIZE)
        axes.set_ylabel(ylabel, fontsize=TEXT_SIZE)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    return finish(figure)
