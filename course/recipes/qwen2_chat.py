"""Makes the course's chat model: a small `Qwen2ForCausalLM` trained on the composed dialogues.

    python -m course.recipes.qwen2_chat

trains it (a run that was stopped goes on), and prints its score on the held-out dialogues by
category and language; with `--score` it prints that of the committed model.
"""

import argparse
import json
import random
import re
import time
from collections.abc import Callable
from functools import cache, partial
from itertools import pairwise
from pathlib import Path

import pandas as pd
import torch
import torch.nn.functional as F
from transformers import GenerationConfig, Qwen2Config, Qwen2ForCausalLM, Qwen2Tokenizer

from course.hub import ASSETS, END_OF_TEXT, encoding
from course.recipes import dialogues
from course.recipes.training import IGNORED, muon, train

NAME = "qwen2-chat"
START, END = "<|im_start|>", "<|im_end|>"
CONTEXT_LENGTH = 512
CHECKPOINTS = Path("build") / "checkpoints"
ECHO_STEPS, STEPS, SMOKE_STEPS = 600, 4200, 10
N_DIALOGUES = 60_000
TOKENS_PER_BATCH = 2048
ECHO_RATE, LEARNING_RATE, WEIGHT_DECAY = 3e-3, 4e-3, 0.1
MAX_REPLY = 64  # tokens

# As in Qwen2, a conversation without a system message gets this one.
DEFAULT_SYSTEM = "You are a helpful assistant."
CHAT_TEMPLATE = (
    "{%- if messages and messages[0].role != 'system' -%}"
    "{{ '<|im_start|>system\\n" + DEFAULT_SYSTEM + "<|im_end|>\\n' }}"
    "{%- endif -%}"
    "{%- for message in messages -%}"
    "{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}"
)

Example = tuple[list[int], list[bool]]  # ids, and which of them the assistant says


def tokenizer() -> Qwen2Tokenizer:
    """Qwen2's tokenizer over the course's vocabulary, with the two marks of ChatML.

    The tokens and their ids are `course.encoding()`'s; text is cut before as in Qwen2 (Unicode
    NFC, each digit alone), because `Qwen2Tokenizer` does so whatever its file says.
    """
    vocabulary = json.loads((ASSETS / "gpt2" / "vocab.json").read_text(encoding="utf-8"))
    marks = {mark: len(vocabulary) + i for i, mark in enumerate((START, END))}
    made = Qwen2Tokenizer(
        vocab=vocabulary | marks,
        merges=_merges(),
        eos_token=END,
        pad_token=END_OF_TEXT,
        unk_token=END_OF_TEXT,
        extra_special_tokens=[START, END],
        model_max_length=CONTEXT_LENGTH,
    )
    made.chat_template = CHAT_TEMPLATE
    return made


def _merges() -> list[tuple[str, str]]:
    lines = (ASSETS / "gpt2" / "merges.txt").read_text(encoding="utf-8").splitlines()
    return [tuple(line.split(" ")) for line in lines if not line.startswith("#version")]


def config(vocabulary: Qwen2Tokenizer) -> Qwen2Config:
    """Grouped-query attention (Ainslie et al. 2023): three query heads share one key/value head."""
    return Qwen2Config(
        vocab_size=len(vocabulary),
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT_LENGTH,
        rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=vocabulary.eos_token_id,
        pad_token_id=vocabulary.pad_token_id,
    )


# --- more questions and values

REWORDED = 0.3  # the share of questions about concepts

WIDENED = 0.5  # the share of told facts that get a made-up value
FACTS = ("name", "city", "colour", "pet", "job", "pick")


def widened(rng: random.Random, messages: list[dialogues.Message]) -> list[dialogues.Message]:
    """The dialogue with made-up values for some of its facts, the same in every message.

    The composed dialogues draw colours, pets and jobs from short lists. A model that learns the
    lists does not learn to copy; here any word of the vocabulary and any Chinese character may
    stand for a value.
    """
    changed = messages
    for value, kind in _told(messages).items():
        if rng.random() < WIDENED:
            new = made_up(rng, value, kind)
            whole = re.compile(rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])", re.I)
            changed = [m | {"content": whole.sub(new, m["content"])} for m in changed]
    return messages if dialogues.is_held_out(changed) else changed


def reworded(rng: random.Random, messages: list[dialogues.Message]) -> list[dialogues.Message]:
    """The dialogue with some of its questions about concepts in words of more kinds."""
    changed = list(messages)
    for i, (asked, answer) in enumerate(pairwise(messages)):
        title = _titles().get(answer["content"])
        language = "zh" if re.search(dialogues.HAN, asked["content"]) else "en"
        names = dialogues.concepts(language)[title].names if title else []
        if names and asked["role"] == "user" and rng.random() < REWORDED:
            name = rng.choice(names)
            text = rng.choice(_rewordings(language)).format(
                a=name[0], b=name[-1], A=name[0][:1].upper() + name[0][1:]
            )
            text = dialogues.styled(rng, text[:1].upper() + text[1:], language)
            changed[i] = asked | {"content": text}
    return messages if dialogues.is_held_out(changed) else changed


@cache
def _titles() -> dict[str, str]:
    """The concept that each answer is about."""
    return {
        topic.answer: title
        for language in ("en", "zh")
        for title, topic in dialogues.concepts(language).items()
    }


@cache
def _rewordings(language: str) -> list[str]:
    path = dialogues.DATA / f"rewordings_{language}.txt"
    return path.read_text(encoding="utf-8").splitlines()


def _told(messages: list[dialogues.Message]) -> dict[str, str]:
    """The values that the assistant has taken note of, each with its kind."""
    found = {}
    for message in messages:
        for pattern, kind in _notes():
            said = pattern.fullmatch(message["content"])
            if message["role"] == "assistant" and said and len(said[1]) > 1:
                found[said[1]] = kind
    return found


@cache
def _notes() -> list[tuple[re.Pattern, str]]:
    """Patterns of what the assistant says when it is told a fact."""
    notes = []
    for language in ("en", "zh"):
        for kind in FACTS:
            lines = dialogues.facts(language)[kind]
            form = next(line[2:] for line in lines if line.startswith("r "))
            notes.append((re.compile(re.escape(form).replace(r"\{\}", "(.+)")), kind))
    return notes


def made_up(rng: random.Random, value: str, kind: str) -> str:
    """Another value of the kind, in the script and with the article or ending of the old one."""
    if re.search(dialogues.HAN, value):
        n = rng.choice([1, 2, 2, 3])
        if kind == "pet":
            return value[:2] + _characters(rng, n)
        if kind in ("colour", "pick", "job"):
            return _characters(rng, n) + value[-1]
        return _characters(rng, max(2, n))
    word = _word(rng)
    if kind in ("pet", "job"):
        return f"an {word}" if word[0] in "aeiou" else f"a {word}"
    return word if kind in ("colour", "pick") else word.capitalize()


def _characters(rng: random.Random, n: int) -> str:
    """Characters of GB 2312: the frequent ones, and sometimes the rarer ones of its second level."""
    last = 0xF7 if rng.random() < 0.3 else 0xD6
    return "".join(
        bytes([rng.randint(0xB0, last), rng.randint(0xA1, 0xF9)]).decode("gb2312") for _ in range(n)
    )


def _word(rng: random.Random) -> str:
    words, pieces = _latin()
    if rng.random() < 0.4:
        return rng.choice(words)
    return "".join(rng.choices(pieces, k=rng.choice([1, 2, 2, 3, 3, 4]))) + rng.choice(pieces)


@cache
def _latin() -> tuple[list[str], list[str]]:
    """The vocabulary's whole words in small letters, and its pieces of words."""
    tokens = [token.decode(errors="replace") for token in encoding().token_byte_values()]
    words = [token[1:] for token in tokens if re.fullmatch(" [a-z]{3,}", token)]
    return sorted(words), sorted(token for token in tokens if re.fullmatch("[a-z]{2,5}", token))


ECHOES = 0.15  # so many dialogues in which the assistant says something again, for each other one
ASK_ECHO = {
    "en": ("Say this again: {}", "Repeat after me: {}", "Please repeat: {}", "{} Say that again."),
    "zh": ("请跟我说：{}", "重复一遍：{}", "请再说一遍：{}", "{} 请重复我的话。"),
}


def echo(rng: random.Random) -> list[dialogues.Message]:
    """A dialogue in which the assistant says words again that make no sense."""
    language = rng.choice(("en", "en", "zh"))
    n = rng.randint(2, 12)
    if language == "en":
        text = " ".join(_word(rng) for _ in range(n)).capitalize() + "."
    else:
        text = _characters(rng, n) + "。"
    asked = rng.choice(ASK_ECHO[language]).format(text)
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": text}]


def echo_batches(vocabulary: Qwen2Tokenizer, n_tokens: int = TOKENS_PER_BATCH):
    """A function that draws batches of a first lesson: random tokens, and the same tokens again.

    To remember what was told is to look back to where it stands. The heads that do so form when
    every token of a reply is to be looked up (Olsson et al. 2022, "In-context learning and induction
    heads"): in a few hundred steps here, while a name now and then in a conversation teaches them
    only after many thousand.
    """
    head, middle, end = (
        vocabulary(text).input_ids for text in (f"{START}user\n", f"{END}\n{START}assistant\n", END)
    )
    n_plain = encoding().eot_token

    def batch_of(generator: torch.Generator):
        length = int(torch.randint(3, 25, (1,), generator=generator))
        n_rows = n_tokens // (2 * length + 9)  # about: the marks take a few more
        said = torch.randint(n_plain, (n_rows, length), generator=generator)
        rows = [head + ids + middle + ids + end for ids in said.tolist()]
        input_ids = torch.tensor(rows)
        labels = input_ids.clone()
        labels[:, : -length - len(end)] = IGNORED
        return input_ids[:, :-1], labels[:, 1:]

    return batch_of


# --- batches


def training_examples(vocabulary, n_dialogues: int = N_DIALOGUES) -> list[Example]:
    """Freshly composed dialogues, with more values and questions, as the model reads them."""
    composed = dialogues.training(random.Random(0), n_dialogues)
    rng = random.Random(1)
    composed = [reworded(rng, widened(rng, messages)) for messages in composed]
    composed += [echo(rng) for _ in range(int(ECHOES * n_dialogues))]
    return examples(composed, vocabulary, rng)


def examples(composed: list[list[dialogues.Message]], vocabulary, rng: random.Random):
    """Each dialogue as an `Example`; half of those without a system message get the default one.

    The template always gives it; the other half is shorter, and as good to learn from.
    """
    contents = sorted({m["content"] for messages in composed for m in messages} | {DEFAULT_SYSTEM})
    ids = dict(zip(contents, vocabulary(contents).input_ids))
    roles = {r: vocabulary(f"{START}{r}\n").input_ids for r in ("system", "user", "assistant")}
    end = vocabulary(f"{END}\n").input_ids
    default = {"role": "system", "content": DEFAULT_SYSTEM}
    made = []
    for messages in composed:
        if messages[0]["role"] != "system" and rng.random() < 0.5:
            messages = [default, *messages]
        made.append(_example(messages, ids, roles, end))
    return made


def _example(messages, ids, roles, end) -> Example:
    tokens, said = [], []
    for message in messages:
        reply = message["role"] == "assistant"
        head, body = roles[message["role"]], ids[message["content"]]
        tokens += head + body + end
        said += [False] * len(head) + [reply] * (len(body) + 1) + [False] * (len(end) - 1)
    return tokens, said


def batches(made: list[Example], pad: int, n_tokens: int = TOKENS_PER_BATCH):
    """A function that draws dialogues of about one length: input ids and labels, (batch, time).

    Labels are `IGNORED` but for the assistant's tokens and the mark that ends its turn.
    """
    in_order = sorted(made, key=lambda example: len(example[0]))
    ends = torch.tensor([len(tokens) for tokens, _ in in_order]).cumsum(0)

    def batch_of(generator: torch.Generator):
        drawn = torch.randint(int(ends[-1]), (1,), generator=generator)
        last = int(torch.searchsorted(ends, drawn, right=True))
        length = len(in_order[last][0])
        rows = in_order[max(0, last + 1 - n_tokens // length) : last + 1]
        return padded(rows, length, pad)

    return batch_of


def padded(rows: list[Example], length: int, pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    input_ids = torch.full((len(rows), length), pad)
    labels = torch.full((len(rows), length), IGNORED)
    for row, (tokens, said) in enumerate(rows):
        tokens, said = torch.tensor(tokens), torch.tensor(said)
        input_ids[row, : len(tokens)] = tokens
        labels[row, : len(tokens)] = tokens.where(said, IGNORED)
    return input_ids[:, :-1], labels[:, 1:]


def rate_at(step: int, steps: int, peak: float) -> float:
    """A warm-up, the peak, and in the last 40 % of the steps a straight line down to zero."""
    return peak * min(1.0, (step + 1) / 100, (steps - step) / (0.4 * steps))


def assistant_loss(logits, input_ids, labels, progress: float) -> torch.Tensor:
    """The mean cross-entropy of what the assistant says."""
    scored = labels != IGNORED
    return F.cross_entropy(logits[scored].float(), labels[scored])


# --- the score


@torch.inference_mode()
def replies(
    model: Qwen2ForCausalLM,
    vocabulary: Qwen2Tokenizer,
    conversations: list[list[dialogues.Message]],
    batch_size: int = 50,
) -> list[str]:
    """The greedy reply to each list of messages, in batches that are padded on the left."""
    texts = [
        vocabulary.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        for messages in conversations
    ]
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    found = {}
    for start in range(0, len(order), batch_size):
        part = order[start : start + batch_size]
        prompts = vocabulary(
            [texts[i] for i in part], padding=True, padding_side="left", return_tensors="pt"
        ).to(model.device)
        ids = model.generate(**prompts, max_new_tokens=MAX_REPLY, do_sample=False)
        new = ids[:, prompts.input_ids.shape[1] :]
        found |= zip(part, vocabulary.batch_decode(new, skip_special_tokens=True))
    return [found[i] for i in range(len(texts))]


def as_user(messages: list[dialogues.Message]) -> list[dialogues.Message]:
    """The same conversation as a careless program keeps it: what the assistant said is the user's."""
    return [m | {"role": "user"} if m["role"] == "assistant" else m for m in messages]


def many_turns() -> list[dict]:
    """The held-out dialogues in which the assistant has spoken before."""
    return [t for t in dialogues.held_out() if any(m["role"] == "assistant" for m in t["messages"])]


OWN_WORDS = re.compile(r"(?:I picked |我选了)(.+)[.。]")


@cache
def own_words(n: int = 40) -> list[dict]:
    """Fixed dialogues in which the assistant is asked for what it alone has said: the colour it picked."""
    rng, found = random.Random(20), []
    for composed in dialogues.training(rng, 100 * n):
        *before, reply = widened(rng, composed)
        picked = OWN_WORDS.fullmatch(reply["content"])
        said_by = {m["role"] for m in before if picked and picked[1] in m["content"]}
        if said_by == {"assistant"}:
            rule = {"exact": reply["content"]}
            found.append({"id": f"own-words-{len(found) + 1:02}", "messages": before, "rule": rule})
    return found[:n]


def scores(model, vocabulary, tests: list[dict], change: Callable = list) -> list[tuple]:
    """For each test: the test, the reply to its changed messages, and whether it is right."""
    given = replies(model, vocabulary, [change(test["messages"]) for test in tests])
    return [(test, text, dialogues.score(test, text)) for test, text in zip(tests, given)]


def converse(model, vocabulary, said: list[str]) -> list[dialogues.Message]:
    """A conversation of the user's given turns with the model's own greedy replies."""
    messages = []
    for text in said:
        messages.append({"role": "user", "content": text})
        messages.append({"role": "assistant", "content": replies(model, vocabulary, [messages])[0]})
    return messages


CONVERSATIONS = (
    [
        "Hello! Who are you?",
        "My name is Philippa.",
        "What is attention?",
        "And what is 8 plus 6?",
        "Do you remember my name?",
        "Thank you, goodbye!",
    ],
    [
        "你好，你是谁？",
        "我叫雅琴。",
        "什么是词元？",
        "7加5等于几？",
        "你还记得我的名字吗？",
        "谢谢你，再见！",
    ],
)


def tokens_per_second(model, vocabulary, n_tokens: int = 200) -> float:
    """How fast one reply is written, key/value cache on, not counting the first ten tokens."""
    prompt = vocabulary(f"{START}user\nHello{END}\n{START}assistant\n", return_tensors="pt")
    times = []
    for n in (10, n_tokens):
        start = time.perf_counter()
        model.generate(**prompt.to(model.device), min_new_tokens=n, max_new_tokens=n,
                       do_sample=False)  # fmt: skip
        times.append(time.perf_counter() - start)
    return (n_tokens - 10) / (times[1] - times[0])


def report() -> None:
    """Prints the figures of the committed model."""
    path = ASSETS / NAME
    start = time.perf_counter()
    model = Qwen2ForCausalLM.from_pretrained(path)
    vocabulary = Qwen2Tokenizer.from_pretrained(path)
    print(f"loaded in {time.perf_counter() - start:.2f} s")
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, "
          f"{sum(f.stat().st_size for f in path.iterdir()) / 1e6:.2f} MB")  # fmt: skip
    results = scores(model, vocabulary, dialogues.held_out())
    print(table(results))
    for test, text, right in results:
        if not right:
            print(f"wrong: {test['id']}: {test['messages'][-1]['content']} | {text}")
    turned = scores(model, vocabulary, many_turns(), as_user)
    kept = [right for test, _, right in results if test in many_turns()]
    print(f"of {len(kept)} dialogues of many turns: {sum(kept)} right; "
          f"{sum(right for *_, right in turned)} with its replies kept as the user's")  # fmt: skip
    said_itself = [right for *_, right in scores(model, vocabulary, own_words())]
    turned = [right for *_, right in scores(model, vocabulary, own_words(), as_user)]
    print(f"asked {len(turned)} times for its own words: {sum(said_itself)} right; "
          f"{sum(turned)} with its replies kept as the user's")  # fmt: skip
    for said in CONVERSATIONS:
        print()
        for message in converse(model, vocabulary, said):
            print(f"{message['role']}: {message['content']}")
    print(f"\n{tokens_per_second(model, vocabulary):.0f} tokens a second")


def table(results: list[tuple]) -> str:
    """How many replies are right, by category and language."""
    frame = pd.DataFrame(
        [(test["category"], test["language"], right) for test, _, right in results],
        columns=["category", "language", "right"],
    )
    counted = frame.pivot_table(
        index="category", columns="language", values="right", aggfunc=["sum", "count"],
        margins=True, margins_name="all", sort=False,
    )  # fmt: skip
    shares = counted["sum"].astype(str) + " of " + counted["count"].astype(str)
    return shares.to_string()


# --- making it


def make(steps: int, checkpoint: Path, n_dialogues: int = N_DIALOGUES) -> Qwen2ForCausalLM:
    """Trains on echoes, then on freshly composed dialogues, from the checkpoints on if there are any."""
    vocabulary = tokenizer()
    made = training_examples(vocabulary, n_dialogues)
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(config(vocabulary))
    optimizers = partial(muon, learning_rate=ECHO_RATE, weight_decay=WEIGHT_DECAY)
    echo_steps = min(steps, ECHO_STEPS)
    first = checkpoint.with_stem(f"{checkpoint.stem}-echoes")
    train(model, echo_batches(vocabulary), echo_steps, first, optimizers, assistant_loss)
    batch_of = batches(made, vocabulary.pad_token_id)
    optimizers = partial(muon, learning_rate=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    return train(model, batch_of, steps, checkpoint, optimizers, assistant_loss, rate_at=rate_at)


def save(model: Qwen2ForCausalLM, folder: Path) -> None:
    """Writes the model with half-precision weights, which load in single precision."""
    vocabulary = tokenizer()
    model.generation_config = GenerationConfig(
        eos_token_id=vocabulary.eos_token_id, pad_token_id=vocabulary.pad_token_id
    )
    model.half().save_pretrained(folder)
    vocabulary.save_pretrained(folder)
    path = folder / "config.json"
    settings = json.loads(path.read_text(encoding="utf-8")) | {"dtype": "float32"}
    path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def smoke() -> None:
    def forget() -> None:
        for path in CHECKPOINTS.glob(f"{NAME}-smoke*.pt"):
            path.unlink()

    forget()
    model = make(SMOKE_STEPS, CHECKPOINTS / f"{NAME}-smoke.pt", n_dialogues=500)
    forget()
    print(table(scores(model, tokenizer(), dialogues.held_out()[::20])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a minute's run that keeps nothing")
    parser.add_argument("--score", action="store_true", help="only the committed model's figures")
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()
    if arguments.smoke:
        return smoke()
    if not arguments.score:
        save(make(arguments.steps, CHECKPOINTS / f"{NAME}.pt"), ASSETS / NAME)
    report()


if __name__ == "__main__":
    main()
