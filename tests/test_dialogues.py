"""The chat model's training dialogues are well formed, and the held-out ones are kept apart."""

import random
import re
from collections import Counter

import pytest

import course
from course.recipes import dialogues
from course.recipes.dialogues import HAN, Dialogue, compose, held_out, normal, score, training

MARKS = 5  # <|im_start|>, role, newline, <|im_end|>, newline


@pytest.fixture(scope="module")
def composed() -> list[Dialogue]:
    return compose(random.Random(0))


@pytest.fixture(scope="module")
def tests() -> list[dict]:
    return held_out()


def contents(composed: list[Dialogue], *roles: str) -> list[str]:
    return [m["content"] for d in composed for m in d.messages if m["role"] in roles]


# --- the training set


def test_roles_alternate_and_the_assistant_has_the_last_word(composed):
    for dialogue in composed:
        roles = [message["role"] for message in dialogue.messages]
        turns = roles[1:] if roles[0] == "system" else roles
        assert turns and turns == ["user", "assistant"] * (len(turns) // 2)
        assert all(set(m) == {"role", "content"} for m in dialogue.messages)
        assert all(m["content"] == m["content"].strip() != "" for m in dialogue.messages)
        assert not any(re.search(r"[{}]|<\|", m["content"]) for m in dialogue.messages)


def test_there_are_tens_of_thousands_in_both_languages(composed):
    languages = Counter(dialogue.language for dialogue in composed)
    assert 20_000 <= len(composed) <= 60_000
    assert 0.55 <= languages["en"] / len(composed) <= 0.65
    categories = Counter((dialogue.category, dialogue.language) for dialogue in composed)
    assert set(categories) == {(c, lang) for c in dialogues.CATEGORIES for lang in ("en", "zh")}
    assert min(categories.values()) >= 1000


def test_the_same_seed_gives_the_same_dialogues(composed):
    again = training(random.Random(0))
    assert again == [dialogue.messages for dialogue in composed]
    assert again != training(random.Random(1))


def test_no_dialogue_is_longer_than_200_tokens(composed):
    # The embedded vocabulary; a public one has other lengths.
    encoding = course.encoding()
    for dialogue in composed:
        lengths = [len(encoding.encode(m["content"])) + MARKS for m in dialogue.messages]
        assert sum(lengths) <= 200, dialogue


@pytest.mark.parametrize("language", ["en", "zh"])
def test_concepts_have_many_questions_and_one_short_answer(language):
    topics = dialogues.concepts(language)
    assert len(topics) >= 50
    assert len({topic.answer for topic in topics.values()}) == len(topics)
    for title, topic in topics.items():
        assert len({normal(question) for question in topic.questions}) >= 8, title
        length = len(topic.answer.split()) if language == "en" else len(topic.answer)
        assert (8 <= length <= 30) if language == "en" else (10 <= length <= 50), title


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_question_has_one_answer_only(language):
    answers: dict[str, set[str]] = {}
    for part in (dialogues.concepts(language), dialogues.small_talk(language)):
        for topic in part.values():
            for question in topic.questions:
                answers.setdefault(normal(question), set()).add(topic.answer)
    assert [question for question, known in answers.items() if len(known) > 1] == []


def test_both_languages_have_the_same_topics():
    for topics in (dialogues.concepts, dialogues.small_talk):
        assert list(topics("en")) == list(topics("zh"))
    for topic in (t for lang in ("en", "zh") for t in dialogues.small_talk(lang).values()):
        assert len({normal(question) for question in topic.questions}) >= 8


def test_names_are_many():
    assert len(set(dialogues.values("en")["name"])) >= 300
    assert len(set(dialogues.values("zh")["name"])) >= 150


def test_every_pair_of_digits_is_added_rightly(composed):
    english, chinese = set(), set()
    for reply in contents(composed, "assistant"):
        for pattern, pairs in ((r"(\d) plus (\d) is (\d+)\.", english),
                               (r"(\d)加(\d)等于(\d+)。", chinese)):  # fmt: skip
            if found := re.fullmatch(pattern, reply):
                a, b, total = map(int, found.groups())
                assert a + b == total
                pairs.add((a, b))
    assert len(english) == len(chinese) == 100


def test_a_system_prompt_decides_the_language(composed):
    asks = {
        order: {p for lang in ("en", "zh") for p in dialogues.system_prompts(lang)[order]}
        for order in ("english", "chinese")
    }
    replies = {order: [] for order in asks}
    for dialogue in composed:
        for order, prompts in asks.items():
            if dialogue.messages[0]["content"] in prompts:
                replies[order] += [
                    m["content"] for m in dialogue.messages if m["role"] == "assistant"
                ]
    assert len(replies["english"]) > 1000 and len(replies["chinese"]) > 1000
    assert all(re.search(HAN, reply) for reply in replies["chinese"])
    names_in_han = [r for r in replies["english"] if re.search(HAN, r)]
    assert all(re.match(r"Nice to meet you|Your name is", reply) for reply in names_in_han)


# --- held out


def test_the_held_out_list_has_100_dialogues_half_of_them_chinese(tests):
    assert len(tests) == len({test["id"] for test in tests}) == 100
    assert Counter(test["category"] for test in tests) == {
        "concepts": 30, "identity": 12, "sums": 12, "system": 12, "facts": 24, "mixtures": 10,
    }  # fmt: skip
    assert Counter(test["language"] for test in tests) == {"en": 50, "zh": 50}
    for test in tests:
        roles = [m["role"] for m in test["messages"] if m["role"] != "system"]
        assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
        assert set(test["rule"]) <= {"exact", "any", "all", "none"}
        assert {"exact", "any", "all"} & set(test["rule"])


def test_some_held_out_facts_lie_four_turns_back(tests):
    turns = [len(t["messages"]) for t in tests if t["category"] == "facts"]
    assert sum(n >= 7 for n in turns) >= 6


def test_no_held_out_question_is_in_training(composed, tests):
    seen = {normal(text) for text in contents(composed, "user")}
    assert [t["id"] for t in tests if normal(t["messages"][-1]["content"]) in seen] == []


def test_no_held_out_name_or_value_is_in_training(composed, tests):
    text = "\n".join(contents(composed, "system", "user", "assistant")).lower()
    values = {value for test in tests for value in test.get("values", [])}
    assert len(values) >= 24
    for value in values:
        edge = r"(?![a-z0-9])"
        assert not re.search(rf"(?<![a-z0-9]){re.escape(value.lower())}{edge}", text), value


def test_facts_are_asked_for_by_held_out_values(tests):
    for test in tests:
        if test["category"] == "facts":
            known = " ".join(m["content"] for m in test["messages"])
            assert test["values"] and all(value in known for value in test["values"])


# --- the scorer


GOOD_AND_BAD = [
    ({"exact": "Softmax."}, "softmax", "Softmax turns scores into probabilities."),
    ({"exact": "7"}, "7.", "17."),
    ({"any": ["Zephyrine"]}, "Your name is Zephyrine.", "Your name is Zephyr."),
    ({"any": ["7"]}, "3 plus 4 is 7.", "3 plus 4 is 17."),
    ({"any": ["13"]}, "8加5等于13。", "8加5等于3。"),
    ({"any": ["若溪"]}, "你叫若溪。", "你叫小溪。"),
    ({"all": ["piece", "text"]}, "A token is a small piece of text.", "A token is a piece."),
    ({"any": ["rotat*"]}, "It is rotated.", "It is turned."),
    ({"all": ["assistant"], "none": [HAN]}, "I am the assistant.", "I am 助手 assistant."),
    ({"any": ["maroon"], "none": ["indigo"]}, "I picked maroon.", "I picked maroon or indigo."),
    ({"all": ["切成词元"]}, "分词器把文字切成词元。", "分词器把词元变成文字。"),
]


@pytest.mark.parametrize(("rule", "good", "bad"), GOOD_AND_BAD)
def test_the_scorer_takes_a_good_reply_and_refuses_a_bad_one(rule, good, bad):
    assert score({"rule": rule}, good)
    assert not score({"rule": rule}, bad)
    assert not score({"rule": rule}, "")


def test_every_held_out_rule_is_met_by_an_answer_that_training_teaches(composed, tests):
    """Or, for a fact, by the taught sentence with the new value."""
    taught = set(contents(composed, "assistant"))
    for test in tests:
        replies = taught
        for value in test.get("values", []):
            lines = [
                ln for lang in ("en", "zh") for ls in dialogues.facts(lang).values() for ln in ls
            ]
            replies = replies | {ln[2:].format(value) for ln in lines if ln[0] == "a"}
        assert any(score(test, reply) for reply in replies), test["id"]


def test_no_rule_takes_most_answers(composed, tests):
    replies = sorted(set(contents(composed, "assistant")))
    answers = [t.answer for lang in ("en", "zh") for t in dialogues.concepts(lang).values()]
    assert len(replies) > 1000
    for test in tests:
        if test["category"] == "concepts":
            assert sum(score(test, answer) for answer in answers) <= 2, test["id"]
