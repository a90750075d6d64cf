"""Makes the assets again, and the manifest that says what they are.

python -m course.recipes              everything, from the texts on (`make assets`)
python -m course.recipes --smoke      the same in a minute, keeping nothing
python -m course.recipes --figures    only the figures, from the files that are there
"""

import argparse
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import torch
from transformers import GPT2LMHeadModel, Qwen2ForCausalLM, Qwen2Tokenizer

from course.hub import ASSETS, textbook
from course.recipes import dialogues, gpt2, qwen2_chat, vocabulary

MANIFEST = ASSETS / "manifest.json"
RECIPES = {
    "textbook.txt": "written by hand",
    "textbook_zh.txt": "written by hand",
    "dialogues_held_out.json": "written by hand",
    "gpt2/vocab.json": "python -m course.recipes.vocabulary",
    "gpt2/model.safetensors": "python -m course.recipes.gpt2",
    "qwen2-chat/model.safetensors": "python -m course.recipes.qwen2_chat",
}


def files() -> Iterable[Path]:
    """The assets that the manifest vouches for."""
    return (path for path in sorted(ASSETS.rglob("*")) if path.is_file() and path != MANIFEST)


def digests() -> dict[str, str]:
    return {
        path.relative_to(ASSETS).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files()
    }


def of_gpt2() -> dict:
    """Bits per byte on the held-out tenth, and the longest run that its samples copy."""
    model = GPT2LMHeadModel.from_pretrained(ASSETS / "gpt2", dtype=torch.float32)
    source = gpt2.book(textbook())[0].tolist()
    copied = max(gpt2.longest_copied_run(sample, source) for sample in gpt2.samples(model))
    return gpt2.figures(model) | {"longest_copied_run": copied}


def of_qwen2_chat() -> dict:
    """How many dialogues it answers rightly, and how many when its words are kept as the user's."""
    path = ASSETS / "qwen2-chat"
    model = Qwen2ForCausalLM.from_pretrained(path, dtype=torch.float32)
    words = Qwen2Tokenizer.from_pretrained(path)
    results = qwen2_chat.scores(model, words, dialogues.held_out())
    turns = qwen2_chat.many_turns()
    own_words = qwen2_chat.own_words()

    def n_right(tests: list[dict], change=list) -> int:
        return sum(well for *_, well in qwen2_chat.scores(model, words, tests, change))

    right = [test for test, _, well in results if well]
    return {
        "held_out_dialogues": len(results),
        "right": len(right),
        "right_in_english": sum(test["language"] == "en" for test in right),
        "right_in_chinese": sum(test["language"] == "zh" for test in right),
        "of_many_turns": len(turns),
        "of_many_turns_right": sum(test in turns for test in right),
        "of_many_turns_right_with_replies_as_user": n_right(turns, qwen2_chat.as_user),
        "asked_for_own_words": len(own_words),
        "asked_for_own_words_right": n_right(own_words),
        "asked_for_own_words_right_with_replies_as_user": n_right(own_words, qwen2_chat.as_user),
    }


def figures() -> dict[str, dict]:
    """What can be measured again from the committed files, by model."""
    return {"gpt2": of_gpt2(), "qwen2-chat": of_qwen2_chat()}


def show(measured: dict[str, dict]) -> None:
    for name, values in measured.items():
        print(name)
        for key, value in values.items():
            print(f"  {key:32} {value:.4f}" if isinstance(value, float) else f"  {key:32} {value}")
    size = sum(path.stat().st_size for path in files())
    print(f"all assets: {size / 1e6:.1f} MB")


def write_manifest(measured: dict[str, dict]) -> None:
    content = {"recipes": RECIPES, "figures": measured, "sha256": digests()}
    MANIFEST.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m course.recipes", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--smoke", action="store_true", help="a minute's run that keeps nothing")
    choice.add_argument(
        "--figures", action="store_true", help="measure what is there, write the manifest"
    )
    options = parser.parse_args()
    if options.smoke:
        gpt2.smoke()
        qwen2_chat.smoke()
        return
    if not options.figures:
        vocabulary.main()
        gpt2.save(gpt2.make(gpt2.STEPS, gpt2.CHECKPOINTS / "gpt2.pt"), ASSETS / "gpt2")
        name = qwen2_chat.NAME
        model = qwen2_chat.make(qwen2_chat.STEPS, qwen2_chat.CHECKPOINTS / f"{name}.pt")
        qwen2_chat.save(model, ASSETS / name)
    measured = figures()
    show(measured)
    write_manifest(measured)


if __name__ == "__main__":
    main()
