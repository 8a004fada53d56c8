"""Studies in spaces of which hardly anything is feasible, with each strategy that takes them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from prefect_tuner import Float, Int, InvalidConfiguration, Params, SearchSpace, Study
from prefect_tuner.search_space.parameters import Parameter

STRATEGIES = ["random", "sobol", "tpe", "gp"]
# Failures are shown as they come: to make them smaller takes long.
FEW = settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)

UNIT = Float(0.0, 1.0)
EIGHT = {f"x{i}": UNIT for i in range(8)}
RARE: dict[str, SearchSpace] = {
    "sum": SearchSpace(EIGHT, constraints=[f"{' + '.join(EIGHT)} <= 0.6"]),
    "box": SearchSpace(
        dict.fromkeys("xyz", UNIT), constraints=["x <= 0.01", "y >= 0.99", "0.5 < z <= 0.51"]
    ),
    "order": SearchSpace(
        {f"x{i}": UNIT for i in range(8)},
        constraints=[" <= ".join(f"x{i}" for i in range(8))],
    ),
    "whole numbers": SearchSpace(
        {**{n: Int(0, 500) for n in "abc"}, "d": Int(1, 1000), "x": UNIT},
        constraints=["a + b + c == 10", "a*d == 64"],
    ),
    "product": SearchSpace(
        {n: Float(1e-6, 1.0, log=True) for n in "wxyz"}, constraints=["w*x*y*z >= 1e-2"]
    ),
    "conditional": SearchSpace(
        {
            "kind": ["a", "b"],
            **{n: Float(0.0, 1.0, when={"kind": ["a"]}) for n in "uvwxyz"},
            "n": Int(1, 10**6, when={"kind": ["b"]}),
        },
        constraints=["u + v + w + x + y + z <= 0.5", "n == 77"],
    ),
    "choices": SearchSpace(
        {**{n: list(range(9)) for n in "abcd"}, "x": UNIT},
        constraints=["a == b and b == c and (d == 3 or d + a == 12)"],
    ),
}


def value_of(params: Params) -> float:
    return sum(float(v) for v in params.values() if isinstance(v, int | float))


def asked(space: SearchSpace, strategy: str, trials: int, *, study: Study | None = None) -> Study:
    study = study or Study(space, strategy, "minimize", seed=2)
    for _ in range(trials):
        trial = study.ask()
        if trial is None:
            break
        assert space.mistakes_in(trial.params) == []
        study.tell(trial, value_of(trial.params))
    return study


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("name", RARE)
def test_all_that_is_proposed_is_feasible_and_new(name: str, strategy: str) -> None:
    # The models are asked after ten trials at most.
    trials = 13 if strategy in ("tpe", "gp") else 6
    study = asked(RARE[name], strategy, trials)
    assert len({str(trial.params) for trial in study.history}) == trials


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_study_goes_on_as_it_would_have_without_a_break(strategy: str) -> None:
    space = RARE["product"]
    whole = asked(space, strategy, 13)
    broken = Study(space, strategy, "minimize", seed=2)
    for trial in whole.history[:10]:
        broken.add_trial(trial)
    asked(space, strategy, 3, study=broken)
    assert [t.params for t in broken.history] == [t.params for t in whole.history]


def test_models_lead_to_the_best_feasible_candidates() -> None:
    for name in ("sum", "product"):
        by_chance = asked(RARE[name], "random", 25).best_metric
        assert by_chance is not None
        for strategy in ["gp", "tpe"] if name == "sum" else ["gp"]:
            best = asked(RARE[name], strategy, 25).best_metric
            assert best is not None
            assert best < by_chance


@st.composite
def rare_spaces(draw: st.DrawFn) -> tuple[SearchSpace, Params]:
    """A space with a candidate that is feasible, and constraints near it."""
    names = list("abcde"[: draw(st.integers(3, 5))])
    kinds: list[Parameter] = [
        UNIT,
        Float(-100.0, 100.0),
        Float(1e-5, 1e2, log=True),
        Int(0, 1000),
        Int(1, 10**5, log=True),
        Float(0.0, 10.0, step=0.01),
    ]
    parameters = {name: draw(st.sampled_from(kinds)) for name in names}
    known: Params = {
        name: parameter.from_unit(draw(st.floats(0.05, 0.95)))
        for name, parameter in parameters.items()
    }
    constraints = []
    for _ in range(draw(st.integers(1, 3))):
        one, other = draw(st.permutations(names))[:2]
        sign = draw(st.sampled_from(["+", "-", "*"]))
        sides = value_at(known, one, sign, other)
        width = draw(st.sampled_from([1e-3, 1e-2])) * (1.0 + abs(sides))
        constraints.append(f"{sides - width!r} <= {one} {sign} {other} <= {sides + width!r}")
    return SearchSpace(parameters, constraints=constraints), known


def value_at(known: Params, one: str, sign: str, other: str) -> float:
    a, b = float(known[one]), float(known[other])
    return {"+": a + b, "-": a - b, "*": a * b}[sign]


@FEW
@given(rare_spaces(), st.sampled_from(STRATEGIES))
def test_a_space_with_a_feasible_candidate_is_searched(
    made: tuple[SearchSpace, Params], strategy: str
) -> None:
    space, known = made
    if space.contains(known):
        assert asked(space, strategy, 5).history


@pytest.mark.parametrize("strategy", [*STRATEGIES, "auto", "portfolio"])
def test_a_space_without_a_feasible_candidate_is_refused_before_a_trial(strategy: str) -> None:
    space: dict[str, Any] = {n: Float(0.0, 1.0) for n in "xyz"}
    cyclic = ["x >= y + 0.1", "y >= z + 0.1", "z >= x + 0.1"]
    with pytest.raises(InvalidConfiguration, match="no candidate meets the constraints x >= y"):
        Study(SearchSpace(space, constraints=cyclic), strategy)
