"""The device that labs compute on."""

import torch


def device() -> torch.device:
    """The GPU where torch sees one (`cuda`), else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
