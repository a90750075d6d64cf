"""The base setting: the sizes of the small model that the labs build up, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """Sizes of a batch and of a model, under the names that the field uses."""

    batch_size: int = 4  # sequences that are computed together
    context_length: int = 16  # tokens that the model sees at once
    d_model: int = 64  # width of the vector of one token
    n_heads: int = 4  # heads of attention in a layer; each is d_model / n_heads wide
    n_layers: int = 8  # blocks on top of each other


BASE = Setting()
