"""Where texts, tokenizers and models are found: in the package, or the real ones by one switch.

The environment variable `COURSE_HUB` is the switch. Unset, everything comes from `course/assets`
and nothing touches the network. `COURSE_HUB=1` gives the public names, which the libraries
download; `COURSE_HUB=/some/folder` gives paths in a local folder that is laid out by those names.
"""

import json
import os
import sys
import warnings
from functools import cache
from pathlib import Path

import tiktoken
from huggingface_hub import constants
from huggingface_hub.utils import disable_progress_bars

ASSETS = Path(__file__).parent / "assets"
PUBLIC_NAMES = {"gpt2": "openai-community/gpt2", "qwen2-chat": "Qwen/Qwen2-0.5B-Instruct"}
PUBLIC_ENCODING = "cl100k_base"
LAYERS_WITHOUT_WEIGHTS = 2
END_OF_TEXT = "<|endoftext|>"

# GPT-2's pre-tokenizer (Radford et al. 2019): text is cut into words, each with the blank before
# it, numbers, signs and blanks; a token never crosses such a cut.
GPT2_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def stay_offline() -> None:
    """Keeps transformers off the network unless the switch says that it may download.

    Without this a mistyped path is taken for a public name, and asked for again and again. Models
    from a folder load in a moment, so no bar shows the progress: its times are never the same twice.
    """
    if os.environ.get("COURSE_HUB") != "1":
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        # For a notebook that imported transformers first: the variable is read only once.
        constants.HF_HUB_OFFLINE = os.environ["HF_HUB_OFFLINE"] == "1"
        disable_progress_bars()
        if "transformers" in sys.modules:
            sys.modules["transformers"].utils.logging.disable_progress_bar()


class AssetError(Exception):
    """Something that a lab needs is not there; the message says what to do."""

    def _render_traceback_(self) -> list[str]:
        return str(self).splitlines()


def model_path(name: str) -> str:
    """The path or public name that `from_pretrained` takes for `gpt2` or `qwen2-chat`.

    Raises `AssetError` for another name, and where the folder is missing.
    """
    if name not in PUBLIC_NAMES:
        raise AssetError(
            f"The course has no model named {name!r}: it has {' and '.join(PUBLIC_NAMES)}."
        )
    switch = os.environ.get("COURSE_HUB", "")
    if switch == "1":
        return PUBLIC_NAMES[name]
    folder = Path(switch) / PUBLIC_NAMES[name] if switch else ASSETS / name
    if not folder.is_dir():
        advice = "set COURSE_HUB to a folder that has it" if switch else "install the course again"
        raise AssetError(f"The files of {name} are not in {folder}: {advice}.")
    return str(folder)


def load_tokenizer(name: str):
    """The tokenizer of `gpt2` or `qwen2-chat`, by transformers' `AutoTokenizer`.

    Raises `AssetError` where it cannot be had.
    """
    from transformers import AutoTokenizer  # here, because it takes seconds

    return _loaded(AutoTokenizer, name)


def load_model(name: str):
    """The model `gpt2` or `qwen2-chat` in single precision, ready to generate.

    From a folder that has a `config.json` but no weights comes a model of those shapes with random
    weights, of at most `LAYERS_WITHOUT_WEIGHTS` layers but for GPT-2; a warning says so. Raises
    `AssetError` where the model cannot be had.
    """
    import torch  # here, because they take seconds
    from transformers import AutoModelForCausalLM

    path = Path(model_path(name))
    if path.is_dir() and not (any(path.glob("*.safetensors")) or any(path.glob("*.bin"))):
        return _random_model(name, path)
    return _loaded(AutoModelForCausalLM, name, dtype=torch.float32).eval()


def _loaded(library, name: str, **settings):
    path = model_path(name)
    try:
        return library.from_pretrained(path, **settings)
    except (OSError, ValueError) as error:  # ValueError: a folder without a model's config
        if os.environ.get("COURSE_HUB") == "1":
            raise AssetError(
                f"COURSE_HUB is on, but {path} could not be downloaded: connect to the network, "
                "set COURSE_HUB to a folder that has it, or unset COURSE_HUB."
            ) from error
        raise AssetError(f"{path} has no files that transformers can load for {name}.") from error


def _random_model(name: str, path: Path):
    from transformers import AutoConfig, AutoModelForCausalLM

    config = _loaded(AutoConfig, name)
    if name != "gpt2":
        config.num_hidden_layers = min(config.num_hidden_layers, LAYERS_WITHOUT_WEIGHTS)
        config.layer_types = config.layer_types[: config.num_hidden_layers]
    warnings.warn(
        f"{path} has no weights: this model has the real shapes, {config.num_hidden_layers} layers "
        "and random weights, and writes nonsense.",
        stacklevel=3,
    )
    return AutoModelForCausalLM.from_config(config, dtype="float32").eval()


def encoding() -> tiktoken.Encoding:
    """The course's byte-level BPE as a tiktoken encoding, with the ids of its GPT-2 tokenizer.

    With `COURSE_HUB` on it is `cl100k_base`. Raises `AssetError` where that cannot be had.
    """
    if not os.environ.get("COURSE_HUB"):
        return _embedded_encoding()
    try:
        return tiktoken.get_encoding(PUBLIC_ENCODING)
    except OSError as error:
        raise AssetError(
            f"COURSE_HUB is on, but tiktoken could not download {PUBLIC_ENCODING}: connect to the "
            "network, set TIKTOKEN_CACHE_DIR to a folder that has it, or unset COURSE_HUB."
        ) from error


def textbook() -> str:
    """The course's own textbook, on selling and serving customers well."""
    return (ASSETS / "textbook.txt").read_text(encoding="utf-8")


@cache
def _embedded_encoding() -> tiktoken.Encoding:
    vocabulary = json.loads((ASSETS / "gpt2" / "vocab.json").read_text(encoding="utf-8"))
    end_of_text = vocabulary.pop(END_OF_TEXT)
    letters = {letter: byte for byte, letter in byte_letters().items()}
    ranks = {bytes(letters[c] for c in token): i for token, i in vocabulary.items()}
    return tiktoken.Encoding(
        "course", pat_str=GPT2_PATTERN, mergeable_ranks=ranks,
        special_tokens={END_OF_TEXT: end_of_text},
    )  # fmt: skip


def byte_letters() -> dict[int, str]:
    """GPT-2's printable letter for each byte, with which `vocab.json` spells its tokens.

    Bytes that Latin-1 prints stand for themselves, the others for the letters from U+0100 on
    (Radford et al. 2019, their released encoder).
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {
        byte: chr(0x100 + i) for i, byte in enumerate(others)
    }
