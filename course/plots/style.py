"""What all pictures share: colours, sizes, labelled axes."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by every kind of colour vision; markers tell lines apart in grey.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
MARKERS = ["o", "s", "^", "D", "v", "P"]
LIGHT = ["#cfe6f5", "#fbe3cf", "#d3efe4", "#f3dde9"]  # behind black text
TEXT_SIZE = 12


def new_axes(title: str, xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    """A figure with one set of labelled axes."""
    figure, axes = plt.subplots(figsize=(7.5, 3.8))
    axes.set_title(title, fontsize=TEXT_SIZE + 1)
    axes.set_xlabel(xlabel, fontsize=TEXT_SIZE)
    axes.set_ylabel(ylabel, fontsize=TEXT_SIZE)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def finish(figure: Figure) -> Figure:
    """The figure, closed, so that a notebook shows it once: as the value of its cell."""
    figure.tight_layout()
    plt.close(figure)
    return figure
