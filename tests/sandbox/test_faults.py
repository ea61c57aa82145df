"""The knob `calls`: which calls misbehave, and how."""

import pytest

from birthcert.sandbox.front.faults import Effects, Faults
from birthcert.sandbox.knobs import CallFault, KnobBox, Knobs

ISSUE = "acm-pca.IssueCertificate"


def hits(faults: Faults, calls: int, action: str = ISSUE) -> list[int]:
    """The numbers (from 1) of the calls that were dropped."""
    return [number for number in range(1, calls + 1) if faults.effects_on(action).drop]


def dropping(**conditions: object) -> Faults:
    fault = CallFault.model_validate({"action": ISSUE, "effect": "drop", **conditions})
    return Faults(KnobBox(Knobs(calls=(fault,))))


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        pytest.param({}, [1, 2, 3, 4, 5, 6], id="always"),
        pytest.param({"nth": 3}, [3], id="the third"),
        pytest.param({"every": 2}, [2, 4, 6], id="every second"),
        pytest.param({"every": 2, "times": 2}, [2, 4], id="every second, twice"),
        pytest.param({"times": 1}, [1], id="once"),
        pytest.param({"nth": 1, "every": 3}, [1, 3, 6], id="the first and every third"),
        pytest.param({"probability": 0.0}, [], id="never"),
    ],
)
def test_rule_hits_the_calls_it_names(conditions: dict[str, object], expected: list[int]) -> None:
    """A rule hits by number, by step, by chance or always, and no more often than it may."""
    assert hits(dropping(**conditions), 6) == expected


def test_chance_is_seeded() -> None:
    """The same seed hits the same calls, and about as many as the probability says."""
    first, second = dropping(probability=0.3), dropping(probability=0.3)
    hit = hits(first, 1000)
    assert hit == hits(second, 1000)
    assert 240 < len(hit) < 360


@pytest.mark.parametrize(
    ("rule", "action", "hit"),
    [
        pytest.param("*", "iot.CreateThing", True, id="every action"),
        pytest.param("iot.*", "iot.CreateThing", True, id="every action of the service"),
        pytest.param("iot.*", "iot-data.Publish", False, id="another service"),
        pytest.param("iot.CreateThing", "iot.CreateThingType", False, id="a longer name"),
    ],
)
def test_rule_names_its_actions(rule: str, action: str, hit: bool) -> None:
    """A rule is for one action, a service's actions or all of them."""
    faults = Faults(KnobBox(Knobs(calls=(CallFault(action=rule, effect="drop"),))))
    assert faults.effects_on(action).drop is hit


def test_other_actions_are_not_counted() -> None:
    """The nth call is the nth of the actions that the rule names."""
    faults = dropping(nth=2)
    hits(faults, 5, "iot.CreateThing")
    assert hits(faults, 3) == [2]


def test_counting_starts_when_the_rule_is_set() -> None:
    """Setting `calls` anew starts the counts anew; another knob leaves them alone."""
    faults = dropping(nth=3)
    hits(faults, 2)
    faults.knobs.update({"iam_delay_seconds": 0})
    assert hits(faults, 1) == [1]
    faults.knobs.update({"calls": [{"action": ISSUE, "effect": "drop", "nth": 2}]})
    assert hits(faults, 3) == [2]


def test_slow_calls_add_up_and_the_first_other_effect_acts() -> None:
    """Slowness comes on top of one other effect."""
    rules = (
        CallFault(effect="slow", seconds=0.25),
        CallFault(effect="throttle"),
        CallFault(effect="drop"),
        CallFault(effect="slow", seconds=0.5),
    )
    effects = Faults(KnobBox(Knobs(calls=rules))).effects_on("iam.CreateRole")
    assert effects.wait_seconds == 0.75
    assert effects.error is not None
    assert effects.error.code == "Throttling"
    assert not effects.drop


def test_without_rules_nothing_happens() -> None:
    """No rule, no effect."""
    assert Faults(KnobBox()).effects_on(ISSUE) == Effects()
