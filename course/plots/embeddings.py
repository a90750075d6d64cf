"""Pictures of lab 2: starts of batches, maps of words, position tables, similarities."""

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure

from course.plots.style import COLOURS, MARKERS, finish, new_axes


def starts(counts: list[int], n_legal: int) -> Figure:
    """How often each start was drawn; starts from `n_legal` on have no target for their last token."""
    figure, axes = new_axes(
        "How often each start was drawn: is every legal one there, up to the last?",
        "start of the row in the text",
        "times drawn",
    )
    places = range(len(counts))
    axes.bar(places, counts, color=COLOURS[0])
    axes.axhline(sum(counts) / n_legal, color="#555", linestyle="--", linewidth=1)
    axes.axvspan(n_legal - 0.5, len(counts) - 0.5, facecolor="#d9d9d9")
    middle = (n_legal + len(counts) - 1) / 2
    axes.text(
        middle,
        max(counts) / 2,
        "not legal: the last token\nwould have no target",
        ha="center",
        va="center",
        fontsize=10,
    )
    axes.set_xticks(places[::2])
    return finish(figure)


def word_maps(tables: dict[str, torch.Tensor], groups: dict[str, list[str]]) -> Figure:
    """Words on a plane, a panel for each table, whose rows are the words of all groups in turn.

    The plane is that of the two directions in which the rows differ most (principal components).
    """
    figure, panels = plt.subplots(1, len(tables), figsize=(11.5, 5.6))
    for axes, (title, table) in zip(panels, tables.items()):
        places = iter(plane(table).tolist())
        for (name, words), colour, marker in zip(groups.items(), COLOURS, MARKERS):
            spots = [next(places) for _ in words]
            axes.scatter(*zip(*spots), s=18, color=colour, marker=marker, label=name)
            for i, (word, spot) in enumerate(zip(words, spots)):
                aside = (4, 3) if i % 2 else (4, -9)  # near words would hide each other
                axes.annotate(
                    word, spot, xytext=aside, textcoords="offset points", fontsize=9, color=colour
                )
        axes.set_title(title, fontsize=12)
        axes.set_xlabel("first component")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.margins(0.12)
    panels[0].set_ylabel("second component")
    panels[0].legend(frameon=False, fontsize=9, loc="best")
    return finish(figure)


def plane(table: torch.Tensor) -> torch.Tensor:
    """The rows of a table as points on its first two principal components, (rows, 2).

    Each component points to the side where its largest coordinate is positive.
    """
    centred = table.detach().float().cpu() - table.detach().float().cpu().mean(0)
    left, sizes, _ = torch.linalg.svd(centred, full_matrices=False)
    points = left[:, :2] * sizes[:2]
    largest = points.gather(0, points.abs().argmax(0, keepdim=True))
    return points * largest.sign()


def position_table(table: torch.Tensor) -> Figure:
    """A position table as a heat map: a row for each position, a column for each dimension."""
    figure, axes = plt.subplots(figsize=(8, 4.6))
    image = axes.imshow(
        table, cmap="cividis", vmin=-1, vmax=1, aspect="auto", interpolation="nearest"
    )
    axes.set_title("Each row is a place: columns on the left change fast, on the right slowly")
    axes.set_xlabel("column: sine in even ones, cosine in odd ones")
    axes.set_ylabel("position")
    figure.colorbar(image, label="value")
    return finish(figure)


def alike_positions(tables: dict[str, torch.Tensor]) -> Figure:
    """Cosines between the rows of each position table."""
    figure, panels = plt.subplots(
        1, len(tables), figsize=(5.4 * len(tables), 4.4), squeeze=False, layout="constrained"
    )
    units = [torch.nn.functional.normalize(t.detach().float().cpu()) for t in tables.values()]
    cosines = [unit @ unit.T for unit in units]
    lowest = min(cosine.min().item() for cosine in cosines)
    for axes, title, cosine in zip(panels.flat, tables, cosines):
        image = axes.imshow(cosine, cmap="cividis", vmin=lowest, vmax=1)
        axes.set_title(title, fontsize=11)
        axes.set_xlabel("position")
        axes.set_ylabel("position")
    figure.colorbar(image, ax=panels, label="cosine of two positions", shrink=0.85)
    plt.close(figure)
    return figure


def similarities(vectors: dict[str, torch.Tensor], tokens: list[str]) -> Figure:
    """Cosines between the tokens' vectors, a panel for each way to make them."""
    figure, panels = plt.subplots(
        1, len(vectors), figsize=(5.6 * len(vectors), 5), layout="constrained"
    )
    units = [
        torch.nn.functional.normalize(rows.detach().float().cpu()) for rows in vectors.values()
    ]
    tables = [unit @ unit.T for unit in units]
    lowest = min(cosines.min().item() for cosines in tables)
    for axes, title, cosines in zip(panels, vectors, tables):
        image = axes.imshow(cosines, cmap="cividis", vmin=lowest, vmax=1)
        for row, column in (cosines > 0.999).nonzero().tolist():
            axes.text(column, row, "1", ha="center", va="center", fontsize=9)
        axes.set_title(title, fontsize=11)
        axes.set_xticks(range(len(tokens)), tokens, rotation=90)
        axes.set_yticks(range(len(tokens)), tokens)
    figure.colorbar(image, ax=panels, label="cosine; entries marked 1 are equal", shrink=0.85)
    plt.close(figure)
    return figure
