"""What holds for every attack: `test_attacks` of each theme makes its tests of these."""

from functools import cache

import pytest

from tests.attacks.harness import RIGHT, WRONG, Attack, Outcome, leaked, run


def claims(attacks: list[Attack]):
    """The two tests of each attack of a theme."""
    outcome_of = cache(run)
    each = pytest.mark.parametrize("attack", attacks, ids=str)

    @each
    def test_an_attack_gains_nothing(attack):
        outcome = outcome_of(attack)
        assert outcome.earned(WRONG) == attack.earns, outcome.reports
        assert_nothing_got_out(outcome)

    @each
    def test_the_right_answer_beside_an_attack_keeps_its_points(attack):
        outcome = outcome_of(attack)
        assert outcome.earned(RIGHT) == attack.beside, outcome.reports

    return test_an_attack_gains_nothing, test_the_right_answer_beside_an_attack_keeps_its_points


def assert_nothing_got_out(outcome: Outcome) -> None:
    assert not leaked(outcome.outputs), outcome.outputs
    assert not leaked(outcome.reports), outcome.reports
    assert outcome.outside.names["secret"] not in outcome.outputs
    assert "REACHED" not in outcome.outputs, outcome.outputs
    assert outcome.attack.silent or "tried" in outcome.outputs, outcome.outputs
    assert outcome.outside.connected == []
    assert outcome.left == []
