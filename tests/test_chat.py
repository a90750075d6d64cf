"""The chat model: its tokenizer and template, what it is trained on, and how well it talks."""

import json
import random
import re
import threading

import pytest
import torch
from safetensors import safe_open
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    Qwen2ForCausalLM,
    Qwen2Tokenizer,
    Qwen2TokenizerFast,
    TextIteratorStreamer,
)

import course
from course.recipes import dialogues, qwen2_chat
from course.recipes.qwen2_chat import END, START
from course.recipes.training import IGNORED

SCORE = 97  # of the 100 held-out dialogues, by the committed model
PATH = course.hub.ASSETS / "qwen2-chat"
TURNS = [
    {"role": "system", "content": "Answer in Chinese."},
    {"role": "user", "content": "What is a token?"},
    {"role": "assistant", "content": "词元是一小段文字。"},
    {"role": "user", "content": "  Thanks!\n"},
]
TEXTS = (
    "My name is Ada.",
    "I am 37, what's 8 + 5?",
    "你好，我叫小明。",
    "naïve 🙂\n\n  x",
    "e\u0301",
)


@pytest.fixture(scope="module")
def tokenizer() -> Qwen2Tokenizer:
    return AutoTokenizer.from_pretrained(course.model_path("qwen2-chat"))


@pytest.fixture(scope="module")
def model() -> Qwen2ForCausalLM:
    torch.set_num_threads(2)
    return AutoModelForCausalLM.from_pretrained(course.model_path("qwen2-chat"))


@pytest.fixture(scope="module")
def composed() -> list[list[dialogues.Message]]:
    return dialogues.training(random.Random(3), 600)


@pytest.fixture(scope="module")
def examples(composed, tokenizer) -> list[qwen2_chat.Example]:
    return qwen2_chat.examples(composed, tokenizer, random.Random(0))


# --- the tokenizer


def test_a_token_has_the_same_id_as_in_the_courses_encoding(tokenizer):
    encoding = course.encoding()
    vocabulary = tokenizer.get_vocab()
    gpt2 = json.loads((course.hub.ASSETS / "gpt2" / "vocab.json").read_text(encoding="utf-8"))
    assert vocabulary == gpt2 | {START: encoding.n_vocab, END: encoding.n_vocab + 1}
    for text in TEXTS[:-1]:
        assert encoding.decode(tokenizer(text).input_ids) == text


def test_text_of_words_has_the_ids_of_the_courses_encoding(tokenizer):
    """Where Qwen2 cuts as GPT-2 does: it puts each digit apart, and composes letters and accents."""
    for text in (
        "Tell me what a token is.",
        "请告诉我什么是词元。",
        "Good morning!\n\nI can't stay.",
    ):
        assert tokenizer(text).input_ids == course.encoding().encode_ordinary(text)
    assert tokenizer.tokenize("37") == ["3", "7"]
    assert tokenizer.decode(tokenizer("e\u0301").input_ids) == "é"


def test_every_class_that_loads_it_gives_the_same_ids(tokenizer):
    for loader in (Qwen2Tokenizer, Qwen2TokenizerFast):
        other = loader.from_pretrained(PATH)
        assert [other(t).input_ids for t in TEXTS] == [tokenizer(t).input_ids for t in TEXTS]


def test_the_committed_tokenizer_is_what_the_recipe_makes(tokenizer):
    made = qwen2_chat.tokenizer()
    assert made.get_vocab() == tokenizer.get_vocab()
    assert made.chat_template == tokenizer.chat_template
    assert [made(t).input_ids for t in TEXTS] == [tokenizer(t).input_ids for t in TEXTS]


def test_the_marks_are_single_tokens_that_decoding_can_leave_out(tokenizer):
    ids = tokenizer(f"{START}user\nHi{END}\n").input_ids
    assert ids[0] == tokenizer.convert_tokens_to_ids(START)
    assert ids[-2] == tokenizer.eos_token_id == tokenizer.convert_tokens_to_ids(END)
    assert tokenizer.decode(ids, skip_special_tokens=True) == "user\nHi\n"


# --- the template


def by_hand(messages, add_generation_prompt: bool) -> str:
    if messages[0]["role"] != "system":
        messages = [{"role": "system", "content": qwen2_chat.DEFAULT_SYSTEM}, *messages]
    text = "".join(f"{START}{m['role']}\n{m['content']}{END}\n" for m in messages)
    return text + (f"{START}assistant\n" if add_generation_prompt else "")


@pytest.mark.parametrize("first", [0, 1], ids=["with system", "without"])
@pytest.mark.parametrize("prompted", [True, False])
def test_the_template_is_chatml(tokenizer, first, prompted):
    for end in range(first + 1, len(TURNS) + 1):
        messages = TURNS[first:end]
        rendered = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=prompted
        )
        assert rendered == by_hand(messages, prompted)


def test_the_template_renders_as_the_real_one(tokenizer, real_assets):
    real = AutoTokenizer.from_pretrained(real_assets / "hub" / "Qwen" / "Qwen2-0.5B-Instruct")
    for messages in (TURNS, TURNS[1:], TURNS[:1], TURNS[1:2]):
        for prompted in (True, False):
            settings = {"tokenize": False, "add_generation_prompt": prompted}
            ours = tokenizer.apply_chat_template(messages, **settings)
            assert ours == real.apply_chat_template(messages, **settings)


# --- what it is trained on


def test_an_example_is_the_rendered_dialogue(composed, examples, tokenizer):
    bare = 0
    for messages, (ids, _) in zip(composed, examples):
        rendered = tokenizer.apply_chat_template(messages, tokenize=False)
        text = tokenizer.decode(ids)
        if text == rendered:
            assert ids == tokenizer(rendered).input_ids
        else:  # without the default system message
            bare += 1
            assert rendered.endswith(text) and messages[0]["role"] == "user"
    assert 0.2 < bare / len(examples) < 0.6


def test_only_what_the_assistant_says_is_scored(composed, examples, tokenizer):
    for messages, (ids, said) in zip(composed, examples):
        scored = tokenizer.decode([token for token, own in zip(ids, said) if own])
        expected = [m["content"] + END for m in messages if m["role"] == "assistant"]
        assert scored == "".join(expected)


def test_a_batch_holds_dialogues_of_one_length_and_labels_moved_by_one(examples, tokenizer):
    batch_of = qwen2_chat.batches(examples, tokenizer.pad_token_id, n_tokens=500)
    for seed in range(20):
        input_ids, labels = batch_of(torch.Generator().manual_seed(seed))
        assert input_ids.shape == labels.shape and input_ids.numel() <= 500
        scored = labels != IGNORED
        assert scored.any(1).all()
        assert torch.equal(input_ids[:, 1:][scored[:, :-1]], labels[:, :-1][scored[:, :-1]])
        assert (labels[~scored] == IGNORED).all()


def test_padding_has_no_part_in_the_loss(tokenizer):
    rows = [([1, 2, 3, 4, 5], [False, True, True, True, True]), ([1, 2], [False, True])]
    input_ids, labels = qwen2_chat.padded(rows, 5, tokenizer.pad_token_id)
    assert labels.tolist() == [[2, 3, 4, 5], [2, *[IGNORED] * 3]]
    assert input_ids.tolist() == [[1, 2, 3, 4], [1, 2, *[tokenizer.pad_token_id] * 2]]


def test_a_made_up_value_is_the_same_in_every_message():
    rng, seen = random.Random(0), set()
    told = [
        {"role": "user", "content": "i live in lima"},
        {"role": "assistant", "content": "I will remember that you live in Lima."},
        {"role": "user", "content": "Where do I live?"},
        {"role": "assistant", "content": "You live in Lima."},
    ]
    for _ in range(40):
        changed = qwen2_chat.widened(rng, told)
        city = re.fullmatch(r"You live in (.+)\.", changed[3]["content"])[1]
        assert changed[1]["content"] == f"I will remember that you live in {city}."
        assert changed[0]["content"].lower() == f"i live in {city.lower()}"
        seen.add(city)
    assert "Lima" in seen and len(seen) > 10


def test_a_reworded_question_keeps_its_concept_and_language():
    rng, asked = random.Random(0), set()
    told = [
        {"role": "user", "content": "什么是词元？"},
        {"role": "assistant", "content": dialogues.concepts("zh")["token"].answer},
    ]
    for _ in range(60):
        question, answer = qwen2_chat.reworded(rng, told)
        assert re.search("词元|token", question["content"], re.I) and answer == told[1]
        asked.add(question["content"])
    assert told[0]["content"] in asked and len(asked) > 10


def test_an_echo_says_what_was_said_and_nothing_else():
    rng, languages = random.Random(0), set()
    for _ in range(60):
        asked, reply = (m["content"] for m in qwen2_chat.echo(rng))
        assert reply in asked and len(reply) < len(asked)
        languages.add(bool(re.search(dialogues.HAN, reply)))
    assert languages == {True, False}


def test_the_first_lesson_is_random_tokens_and_the_same_again(tokenizer):
    batch_of = qwen2_chat.echo_batches(tokenizer, n_tokens=500)
    before = len(tokenizer(f"{START}user\n").input_ids)
    for seed in range(10):
        input_ids, labels = batch_of(torch.Generator().manual_seed(seed))
        assert input_ids.shape == labels.shape and 400 < input_ids.numel() < 700
        for row, label in zip(input_ids, labels):
            said = label[label != IGNORED]
            assert said[-1] == tokenizer.eos_token_id
            assert torch.equal(row[before : before + len(said) - 1], said[:-1])
            assert torch.equal(row[-len(said) + 1 :], said[:-1])


def test_held_out_values_and_questions_stay_apart(composed):
    rng = random.Random(0)
    for messages in composed:
        assert not dialogues.is_held_out(
            qwen2_chat.reworded(rng, qwen2_chat.widened(rng, messages))
        )


# --- the files


def test_the_files_have_the_real_layout():
    config = json.loads((PATH / "config.json").read_text(encoding="utf-8"))
    assert config["model_type"] == "qwen2" and config["architectures"] == ["Qwen2ForCausalLM"]
    assert config["num_attention_heads"] == 3 * config["num_key_value_heads"]
    assert config["tie_word_embeddings"]
    generation = json.loads((PATH / "generation_config.json").read_text(encoding="utf-8"))
    vocabulary = qwen2_chat.tokenizer()
    assert generation["eos_token_id"] == config["eos_token_id"] == vocabulary.eos_token_id
    assert generation["pad_token_id"] == config["pad_token_id"] == vocabulary.pad_token_id


def test_weights_are_stored_in_half_precision_and_load_in_single(model):
    with safe_open(PATH / "model.safetensors", "pt") as weights:
        assert {weights.get_tensor(key).dtype for key in weights.keys()} == {torch.float16}  # noqa: SIM118
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert sum(path.stat().st_size for path in PATH.iterdir()) < 9e6


# --- how it talks


@pytest.fixture(scope="module")
def results(model, tokenizer) -> list[tuple]:
    return qwen2_chat.scores(model, tokenizer, dialogues.held_out())


def test_the_score_is_the_committed_one(results):
    """One reply may turn out otherwise on another processor."""
    assert abs(sum(right for *_, right in results) - SCORE) <= 1, qwen2_chat.table(results)


def test_at_least_90_of_the_100_held_out_dialogues_are_right(results):
    assert sum(right for *_, right in results) >= 90, qwen2_chat.table(results)


def test_its_own_replies_kept_as_the_users_make_it_lose_the_thread(model, tokenizer):
    """It still knows what the user said, but no longer what it said itself."""
    asked = qwen2_chat.own_words()
    kept = sum(right for *_, right in qwen2_chat.scores(model, tokenizer, asked))
    turned = qwen2_chat.scores(model, tokenizer, asked, qwen2_chat.as_user)
    assert len(asked) == 40 and kept >= 34
    assert sum(right for *_, right in turned) <= 0.6 * kept


def test_what_it_is_asked_for_as_its_own_words_nobody_else_has_said():
    for test in qwen2_chat.own_words():
        picked = qwen2_chat.OWN_WORDS.fullmatch(test["rule"]["exact"])[1]
        assert {m["role"] for m in test["messages"] if picked in m["content"]} == {"assistant"}


def test_every_reply_ends_with_the_mark(model, tokenizer):
    inputs = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hello"}], add_generation_prompt=True, return_tensors="pt"
    )
    ids = model.generate(**inputs, max_new_tokens=60, do_sample=False)[0]
    assert ids[-1] == tokenizer.eos_token_id
    assert (ids[inputs.input_ids.shape[1] :] == tokenizer.eos_token_id).sum() == 1


def test_a_batch_answers_as_one_after_another(model, tokenizer):
    asked = [
        [{"role": "user", "content": text}] for text in ("Hello", "什么是词元？", "Who are you?")
    ]
    together = qwen2_chat.replies(model, tokenizer, asked)
    assert together == [qwen2_chat.replies(model, tokenizer, [one])[0] for one in asked]


def test_a_streamed_reply_is_the_whole_reply(model, tokenizer):
    messages = [{"role": "user", "content": "什么是词元？"}]
    inputs = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_tensors="pt"
    )
    streamer = TextIteratorStreamer(
        tokenizer, skip_prompt=True, skip_special_tokens=True, timeout=60
    )
    settings = {"max_new_tokens": 60, "do_sample": False, "streamer": streamer}
    thread = threading.Thread(target=model.generate, kwargs={**inputs, **settings})
    thread.start()
    pieces = list(streamer)
    thread.join()
    assert len([piece for piece in pieces if piece]) > 3
    assert "".join(pieces) == qwen2_chat.replies(model, tokenizer, [messages])[0]


def test_a_smoke_run_keeps_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(qwen2_chat, "CHECKPOINTS", tmp_path)
    before = {path: path.stat().st_mtime_ns for path in PATH.iterdir()}
    qwen2_chat.smoke()
    assert "all" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    assert {path: path.stat().st_mtime_ns for path in PATH.iterdir()} == before
