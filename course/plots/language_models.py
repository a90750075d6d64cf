"""Pictures of lab 3: followers of a token, smoothing, unseen n-grams, learning, temperature."""

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure

from course.plots.style import COLOURS, MARKERS, TEXT_SIZE, finish, new_axes


def visible(token: str) -> str:
    """A token's text with its blanks drawn: · is a space, ⏎ a line end."""
    return token.replace(" ", "·").replace("\n", "⏎")


def followers(table: torch.Tensor, rows: list[str], columns: list[str]) -> Figure:
    """Probabilities P(column | row) as a heat map with its numbers, in percent."""
    figure, axes = plt.subplots(figsize=(7.5, 4.6))
    percent = 100 * table
    axes.imshow(percent, cmap="Blues", aspect="auto", vmin=0, vmax=1.7 * percent.max().item())
    for row in range(len(rows)):
        for column in range(len(columns)):
            value = percent[row, column].item()
            text = "" if value < 0.5 else f"{value:.0f}"
            axes.text(column, row, text, ha="center", va="center", fontsize=9)
    axes.set_xticks(range(len(columns)), map(visible, columns), rotation=45)
    axes.set_yticks(range(len(rows)), map(visible, rows))
    axes.set_xlabel("next token", fontsize=TEXT_SIZE)
    axes.set_ylabel("token before", fontsize=TEXT_SIZE)
    axes.set_title(
        "P(next | before) in percent: each row is a part of its distribution", fontsize=TEXT_SIZE
    )
    return finish(figure)


def smoothing(alphas: list[float], bits: list[float], unigram: float) -> Figure:
    """Bits per byte of the bigram model over alpha: none is bad, and much is worse."""
    figure, axes = new_axes(
        "A little smoothing is best, and much of it drowns the counts",
        "alpha, added to every count",
        "bits per byte, held out",
    )
    axes.plot(alphas, bits, color=COLOURS[0], marker=MARKERS[0], label="bigram")
    axes.axhline(unigram, color=COLOURS[1], linestyle="--", label="unigram, no context at all")
    best = min(range(len(bits)), key=bits.__getitem__)
    axes.plot(alphas[best], bits[best], marker="o", markersize=14, fillstyle="none", color="black")
    axes.annotate("best", (alphas[best], bits[best]), xytext=(0, 14), textcoords="offset points",
                  ha="center")  # fmt: skip
    axes.set_xscale("log")
    axes.legend(frameon=False)
    return finish(figure)


def unseen(shares: dict[int, float]) -> Figure:
    """Of the held-out runs of n tokens, the share that never stood in the training part."""
    figure, axes = new_axes(
        "The longer the context, the less of it was ever seen before",
        "n (tokens in a row)",
        "never seen in training (%)",
    )
    bars = axes.bar(list(shares), [100 * share for share in shares.values()], color=COLOURS[0])
    axes.bar_label(bars, [f"{100 * share:.0f} %" for share in shares.values()])
    axes.set_xticks(list(shares))
    axes.set_ylim(0, 105)
    return finish(figure)


def learning(losses: list[float], lines: dict[str, float], window: int = 50) -> Figure:
    """The loss of each step, its mean over `window` steps, and other models' losses as lines."""
    figure, axes = new_axes(
        "The network starts as a unigram model and passes the bigram",
        "step",
        "loss (nats per token)",
    )
    axes.plot(losses, color="#bcd6e8", linewidth=0.8, label="one batch of the training part")
    means = torch.tensor(losses).unfold(0, window, 1).mean(1)
    steps = range(window - 1, len(losses))
    axes.plot(steps, means, color=COLOURS[0], linewidth=2, label=f"mean of {window} steps")
    for (name, loss), colour, style in zip(lines.items(), COLOURS[1:], ["--", ":", "-."]):
        axes.axhline(loss, color=colour, linestyle=style, label=f"{name}, held out")
    axes.legend(frameon=False)
    return finish(figure)


def temperatures(tokens: list[str], rows: dict[float, torch.Tensor], before: str) -> Figure:
    """The probabilities of some tokens at several temperatures, in groups of bars."""
    figure, axes = new_axes(
        f"After “{visible(before)}”: a low temperature sharpens, a high one flattens",
        "next token",
        "probability (%)",
    )
    width = 0.8 / len(rows)
    for i, (temperature, probs) in enumerate(rows.items()):
        places = [x + (i - (len(rows) - 1) / 2) * width for x in range(len(tokens))]
        axes.bar(
            places,
            (100 * probs).tolist(),
            width,
            color=COLOURS[i],
            hatch=["", "//", ".."][i % 3],
            edgecolor="white",
            label=f"temperature {temperature:g}",
        )
    axes.set_xticks(range(len(tokens)), map(visible, tokens))
    axes.legend(frameon=False)
    return finish(figure)
