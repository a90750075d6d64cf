"""Fixtures, and the closing lines of the answer bank and the attacks."""

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "assets"


@pytest.fixture(scope="session")
def real_assets() -> Path:
    """Real public tokenizers beside the project, where a developer has put them."""
    if not SHARED.is_dir():
        pytest.skip("the real tokenizers are not here (../shared/assets)")
    os.environ["TIKTOKEN_CACHE_DIR"] = str(SHARED / "tiktoken_cache")
    return SHARED


def pytest_terminal_summary(terminalreporter):
    """A line of totals for the answer bank and one for the attacks, over all of pytest's workers."""
    (right, n_right), (wrong, n_wrong) = (
        _passed(terminalreporter, f"test_a_{kind}_answer") for kind in ("right", "wrong")
    )
    if n_right and n_wrong:
        terminalreporter.write_line(
            f"answer bank: {wrong} of {n_wrong} wrong answers caught ({wrong / n_wrong:.0%}), "
            f"{right} of {n_right} right answers accepted ({right / n_right:.0%})"
        )
    defended, n_attacks = _passed(terminalreporter, "test_an_attack_gains_nothing")
    kept, n_beside = _passed(terminalreporter, "test_the_right_answer_beside_an_attack")
    if n_attacks:
        terminalreporter.write_line(
            f"attacks: {defended} of {n_attacks} defended, "
            f"{kept} of {n_beside} right answers beside them kept"
        )


def _passed(terminalreporter, name: str) -> tuple[int, int]:
    """How many tests of a name passed, and how many ran."""
    passed, failed = (
        sum(
            name in report.nodeid
            for report in terminalreporter.stats.get(outcome, [])
            if report.when == "call"
        )
        for outcome in ("passed", "failed")
    )
    return passed, passed + failed
