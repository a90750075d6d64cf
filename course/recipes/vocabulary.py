"""Makes the course's vocabulary: a byte-level BPE in GPT-2's format, trained on all its texts.

    python -m course.recipes.vocabulary

writes `vocab.json`, `merges.txt` and `tokenizer_config.json` into `course/assets/gpt2`.
"""

import json
import random

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from course.hub import ASSETS, END_OF_TEXT
from course.recipes import dialogues

VOCAB_SIZE = 4000
TEXTS = ("textbook.txt", "textbook_zh.txt")
CONTEXT_LENGTH = 1024  # of the real GPT-2; transformers warns beyond it


def texts() -> dict[str, str]:
    """What the vocabulary is made from, by name; what dialogues repeat stands there once."""
    found = {name: (ASSETS / name).read_text(encoding="utf-8") for name in TEXTS}
    said = {m["content"] for messages in dialogues.training(random.Random(0)) for m in messages}
    return found | {"dialogues": "\n".join(sorted(said))}


def train(texts: list[str], vocab_size: int = VOCAB_SIZE) -> Tokenizer:
    """A byte-level BPE of `vocab_size` tokens: 256 bytes, merges, and `<|endoftext|>` last."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocab_size - 1,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer.add_special_tokens([END_OF_TEXT])
    return tokenizer


def main() -> None:
    folder = ASSETS / "gpt2"
    folder.mkdir(exist_ok=True)
    sources = texts()
    tokenizer = train(list(sources.values()))
    tokenizer.model.save(str(folder))  # vocab.json and merges.txt
    vocabulary = dict(sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]))
    (folder / "vocab.json").write_text(
        json.dumps(vocabulary, ensure_ascii=False, indent=0) + "\n", encoding="utf-8"
    )
    config = {
        "tokenizer_class": "GPT2Tokenizer",
        "model_max_length": CONTEXT_LENGTH,
        "add_prefix_space": False,
        "bos_token": END_OF_TEXT,
        "eos_token": END_OF_TEXT,
        "unk_token": END_OF_TEXT,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    for name, text in sources.items():
        n_bytes, n_tokens = len(text.encode()), len(tokenizer.encode(text).ids)
        print(f"{name}: {n_bytes} bytes, {n_tokens} tokens, {n_bytes / n_tokens:.2f} bytes a token")


if __name__ == "__main__":
    main()
