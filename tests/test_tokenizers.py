"""The facts that lab01 teaches, by the lab's own solution, on the course's and the real vocabularies."""

import json
import os
import re
import subprocess
import sys
from collections import Counter

import pytest
import tiktoken
from transformers import GPT2Tokenizer

import course
from autograder.grade import RIGHT, grade
from autograder.question import find
from course.build import reference_namespace
from course.hub import GPT2_PATTERN, AssetError, byte_letters


@pytest.fixture(scope="module")
def lab01():
    return reference_namespace("lab01")


# --- the real vocabularies


def test_cl100k_on_the_sales_textbook_gives_the_known_numbers(real_assets, lab01):
    text = (real_assets / "sales_textbook.txt").read_text(encoding="utf-8")
    assert lab01["corpus_stats"](text, tiktoken.get_encoding("cl100k_base")) == {
        "n_tokens": 77919,
        "n_unique": 3771,
        "max_token_id": 100069,
    }


def test_gpt2_tells_a_leading_space(real_assets, lab01):
    tokenizer = GPT2Tokenizer.from_pretrained(real_assets / "hub" / "openai-community" / "gpt2")
    assert lab01["leading_space"](tokenizer) == {
        "plain": [15496, 995],
        "spaced": [18435, 995],
        "prefixed": [18435, 995],
    }


def test_the_checks_work_with_the_real_tokenizers(real_assets, lab01, monkeypatch):
    monkeypatch.setenv("COURSE_HUB", str(real_assets / "hub"))
    for name in ("lab01.corpus_stats", "lab01.leading_space"):
        assert grade(find(name), lab01[name.split(".")[1]]).outcome == RIGHT


def test_gpt2s_own_merges_cut_text_in_the_students_functions_as_tiktoken_does(real_assets, lab01):
    path = real_assets / "hub" / "openai-community" / "gpt2" / "tokenizer.json"
    written = json.loads(path.read_text(encoding="utf-8"))["model"]["merges"]
    pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in written]
    ids = {letter: byte for byte, letter in byte_letters().items()}
    merges = []
    for left, right in pairs:
        merges.append((ids[left], ids[right]))
        ids[left + right] = 255 + len(merges)
    gpt2 = tiktoken.get_encoding("gpt2")
    for piece in lab01["regex"].findall(GPT2_PATTERN, "Unbelievable tokenizers, 中 naïve 🙂!"):
        ours = [lab01["decode"]([i], merges) for i in lab01["encode"](piece, merges)]
        theirs = gpt2.decode_tokens_bytes(gpt2.encode_ordinary(piece))
        assert ours == [token.decode("utf-8", errors="replace") for token in theirs]


# --- the course's own


def test_the_course_speaks_one_vocabulary_through_two_libraries():
    encoding = course.encoding()
    tokenizer = GPT2Tokenizer.from_pretrained(course.model_path("gpt2"), model_max_length=10**9)
    assert encoding.n_vocab == len(tokenizer) == 4000
    for text in (course.textbook(), "你好，世界 🙂 e\u0301\x00 <|endoftext|>", " Hello  world\n\n"):
        assert tokenizer(text).input_ids == encoding.encode(text, allowed_special="all")
        assert encoding.decode(encoding.encode_ordinary(text)) == text


def test_the_pattern_cuts_as_gpt2_does(real_assets):
    gpt2 = tiktoken.get_encoding("gpt2")
    ours = tiktoken.Encoding(
        "gpt2 with our pattern",
        pat_str=GPT2_PATTERN,
        mergeable_ranks=gpt2._mergeable_ranks,
        special_tokens=gpt2._special_tokens,
    )
    for text in (course.textbook(), "I'll  don't\n\n 12 + 3%  end ", "你好 naïve  \t x"):
        assert ours.encode_ordinary(text) == gpt2.encode_ordinary(text)


def test_the_textbook_is_long_and_original_in_its_words():
    text = course.textbook()
    assert len(text.encode()) >= 300_000
    assert all(sign in text for sign in ("你好", "🙂", "£", "def "))
    words = re.findall(r"\w+", text.lower())
    runs = Counter(zip(*(words[i:] for i in range(8))))
    repeated = sum(n for n in runs.values() if n > 1)
    assert repeated / sum(runs.values()) <= 0.02


def test_merges_of_the_solution_agree_with_tiktoken_on_the_textbook(lab01):
    text = course.textbook()[:6000]
    merges = lab01["train_bpe"](text, 400)
    encoding = lab01["to_tiktoken"](merges, GPT2_PATTERN, {"<|endoftext|>": 256 + len(merges)})
    pieces = lab01["regex"].findall(GPT2_PATTERN, text)
    ids = [i for piece in pieces for i in lab01["encode"](piece, merges)]
    assert encoding.encode_ordinary(text) == ids
    assert lab01["decode"](ids, merges) == text


# --- the switch


def test_an_unknown_model_is_named():
    with pytest.raises(AssetError, match="no model named 'gpt3'"):
        course.model_path("gpt3")


def test_the_switch_gives_public_names_or_a_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_HUB", "1")
    assert course.model_path("gpt2") == "openai-community/gpt2"
    monkeypatch.setenv("COURSE_HUB", str(tmp_path))
    with pytest.raises(AssetError, match="set COURSE_HUB to a folder that has it"):
        course.model_path("gpt2")


def test_without_network_the_switch_says_what_to_do(monkeypatch):
    def no_network(name):
        raise OSError("Network is unreachable")

    monkeypatch.setenv("COURSE_HUB", "1")
    monkeypatch.setattr(tiktoken, "get_encoding", no_network)
    with pytest.raises(AssetError, match="connect to the network"):
        course.encoding()


def test_a_public_name_is_not_downloaded_unless_the_switch_is_on():
    program = (
        "from transformers import GPT2Tokenizer; import course, socket\n"
        "def no(*a, **k): raise SystemExit('touched the network')\n"
        "socket.create_connection = socket.socket.connect = socket.getaddrinfo = no\n"
        "try: GPT2Tokenizer.from_pretrained('openai-community/gpt2')\n"
        "except OSError: pass\n"
        "print('offline')"
    )
    environment = {k: v for k, v in os.environ.items() if "OFFLINE" not in k and k != "COURSE_HUB"}
    environment["HF_HOME"] = "/nonexistent"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == "offline", done.stdout + done.stderr
