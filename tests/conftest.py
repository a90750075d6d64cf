"""Fixtures and the closing line of the answer bank."""

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
    """One line of totals for the answer bank, over all of pytest's workers."""
    counts = {}
    for kind in ("right", "wrong"):
        name = f"test_a_{kind}_answer"
        ended = {
            outcome: sum(
                name in report.nodeid
                for report in terminalreporter.stats.get(outcome, [])
                if report.when == "call"
            )
            for outcome in ("passed", "failed")
        }
        counts[kind] = ended["passed"], sum(ended.values())
    (right, n_right), (wrong, n_wrong) = counts["right"], counts["wrong"]
    if n_right and n_wrong:
        terminalreporter.write_line(
            f"answer bank: {wrong} of {n_wrong} wrong answers caught ({wrong / n_wrong:.0%}), "
            f"{right} of {n_right} right answers accepted ({right / n_right:.0%})"
        )
