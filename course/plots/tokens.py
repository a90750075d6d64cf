"""Pictures of lab 1: tokens over text, compression, speed, padding."""

from html import escape

import matplotlib.pyplot as plt
import tiktoken
import torch
from IPython.display import HTML
from matplotlib.figure import Figure

from course.plots.style import COLOURS, LIGHT, MARKERS, finish, new_axes


def token_texts(encoding: tiktoken.Encoding, text: str) -> list[str]:
    """The text of each token by itself; � stands for bytes that are no whole character."""
    tokens = encoding.decode_tokens_bytes(encoding.encode_ordinary(text))
    return [token.decode("utf-8", errors="replace") for token in tokens]


def show_tokens(rows: dict[str, list[str]]) -> HTML:
    """Tokens as boxes over the text, a row for each name; · is a space and ⏎ a line end."""
    body = "".join(
        f'<tr><td style="text-align:right;vertical-align:top;padding:4px 10px 4px 0;'
        f'white-space:nowrap">{escape(name)}</td>'
        f'<td style="text-align:left;line-height:2">{_boxes(tokens)}</td></tr>'
        for name, tokens in rows.items()
    )
    return HTML(f'<table style="font-size:14px">{body}</table>')


def _boxes(tokens: list[str]) -> str:
    style = (
        "color:black;border:1px solid #777;border-radius:3px;padding:1px 3px;margin:1px;"
        "font-family:monospace;white-space:nowrap"
    )
    boxes = []
    for i, token in enumerate(tokens):
        text = escape(token).replace(" ", "·").replace("\n", "⏎").replace("\t", "⇥")
        boxes.append(f'<span style="{style};background:{LIGHT[i % len(LIGHT)]}">{text}</span>')
        if "\n" in token:
            boxes.append("<br>")
    return "<wbr>".join(boxes)


def compression(vocab_sizes: list[int], curves: dict[str, list[float]]) -> Figure:
    """Bytes per token as the vocabulary grows, a curve for each text."""
    figure, axes = new_axes(
        "Each text compresses as far as it resembles the training text",
        "vocabulary size (tokens)",
        "bytes per token",
    )
    for (name, values), colour, marker in zip(curves.items(), COLOURS, MARKERS):
        axes.plot(vocab_sizes, values, color=colour, marker=marker, label=name)
    axes.axhline(1, color="#777", linestyle=":", linewidth=1)
    axes.text(vocab_sizes[-1], 1.03, "bytes alone", ha="right", va="bottom", color="#555")
    axes.legend(frameon=False)
    return finish(figure)


def speed(tokens_per_second: dict[str, float]) -> Figure:
    """Bars of tokens per second on a logarithmic axis, each with its ratio to the first."""
    slowest = next(iter(tokens_per_second.values()))
    figure, axes = new_axes("Tokens per second, in Python and in Rust", "tokens per second", "")
    names, values = list(tokens_per_second), list(tokens_per_second.values())
    bars = axes.barh(names, values, color=COLOURS[: len(names)])
    labels = [f" {value:,.0f}  ({value / slowest:,.0f} ×)" for value in values]
    axes.bar_label(bars, labels)
    axes.set_xscale("log")
    axes.set_xlim(min(values) / 5, max(values) * 40)
    axes.invert_yaxis()
    return finish(figure)


def padding(batches: dict[str, tuple[torch.Tensor, torch.Tensor]]) -> Figure:
    """`input_ids` as numbers over their attention mask: tokens on blue, padding crossed out."""
    figure, panels = plt.subplots(len(batches), 1, figsize=(9, 1.7 * len(batches)), squeeze=False)
    for axes, (side, (input_ids, mask)) in zip(panels.flat, batches.items()):
        axes.imshow(mask, cmap="Blues", vmin=0, vmax=1.8, aspect="auto")
        for (row, column), real in _entries(mask):
            text = str(input_ids[row, column].item()) if real else "×"
            axes.text(column, row, text, ha="center", va="center", fontsize=9)
        axes.set_title(
            f'side="{side}": blue is a token (mask 1), × is padding (mask 0)', fontsize=11
        )
        axes.set_yticks(range(mask.shape[0]), [f"row {i}" for i in range(mask.shape[0])])
        axes.set_xticks(range(mask.shape[1]))
    panels.flat[-1].set_xlabel("position in the sequence")
    return finish(figure)


def _entries(matrix: torch.Tensor):
    return (
        ((row, column), matrix[row, column].item())
        for row in range(matrix.shape[0])
        for column in range(matrix.shape[1])
    )
