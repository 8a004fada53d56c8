"""Search spaces to try strategies on: `prefect_tuner.testing` does, and so may other tests.

Needs hypothesis: `pip install "prefect-tuner[testing]"`.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from prefect_tuner.hyper_value import HyperValue, exact_key
from prefect_tuner.search_space.parameters import Categorical, Float, Int, Parameter
from prefect_tuner.search_space.space import SearchSpace

PLAIN_SPACE = SearchSpace(
    {
        "rate": Float(1e-4, 1.0, log=True),
        "momentum": Float(0.0, 0.9, step=0.1),
        "depth": Int(2, 10),
        "width": Int(16, 1024, log=True),
        "kind": [True, 1, 1.0, "one"],
    }
)
"""A space with every kind of parameter."""

CHOICES_SPACE = SearchSpace(
    {
        "depth": [None, 3, 10],
        "layers": [[], [64], [64, 32], [[64.0], None]],
        "solver": [{"name": "lbfgs", "tol": 1e-4}, {"name": "sgd", "momentum": [0.9, True]}, None],
        "kind": [1, 1.0, True, [1], [1.0], [True]],
        "size": Categorical([[8], [8, 8], [8, 8, 8]], ordered=True),
        "rate": Float(0.0, 1.0),
    }
)
"""A space with choices of all kinds that JSON has, some of which Python holds equal."""

CONDITIONAL_CHOICES_SPACE = SearchSpace(
    {
        "depth": [None, 3, 10],
        "layers": [[64], [64, 64], None],
        "dropout": Float(0.0, 0.5, when={"layers": [[64, 64]]}),
        "leaves": Int(2, 30, when={"depth": None}),
        "head": Categorical([{"units": 1}, {"units": True}], when={"layers": [[64], [64, 64]]}),
    }
)
"""A space with conditions on such choices."""

CONSTRAINED_CHOICES_SPACE = SearchSpace(
    {"depth": [None, 3, 10, 20], "layers": [[64], [64, 64], None], "n": Int(1, 20)},
    constraints=["depth == None or depth + n <= 20", "not (layers == [64, 64] and depth == None)"],
)
"""A space with constraints on such choices."""

CONDITIONAL_SPACE = SearchSpace(
    {
        "drop": Float(0.0, 0.5, when={"booster": ["dart"], "is_dropping": [True]}),
        "booster": ["tree", "dart", "linear"],
        "depth": Int(2, 40, when={"booster": ["tree", "dart"]}),
        "is_dropping": Categorical([True, False], when={"booster": "dart"}),
        "rate": Float(1e-4, 1.0, log=True),
    }
)
"""A space with conditions within conditions, a child declared before its parents."""

CONSTRAINED_SPACE = SearchSpace(
    {"a": Float(0.0, 1.0), "b": Float(0.0, 1.0), "n": Int(1, 50), "kind": ["x", "y"]},
    constraints=["a + b <= 1", "not (kind == 'x' and n > 20)"],
)
"""A space of which about a third is feasible."""


_SCALARS: st.SearchStrategy[HyperValue] = st.one_of(
    st.booleans(), st.integers(-2, 2), st.sampled_from("ab"), st.just(1.0), st.none()
)
_NESTED: st.SearchStrategy[HyperValue] = st.one_of(
    st.lists(_SCALARS, max_size=2), st.dictionaries(st.sampled_from("xy"), _SCALARS, max_size=2)
)


@st.composite
def search_spaces(draw: st.DrawFn, conditional: bool = False) -> SearchSpace:
    """Search spaces of up to 5 parameters, made up by hypothesis.

    Args:
        draw: Given by hypothesis.
        conditional: Whether parameters may be conditional on others.
    """
    names = draw(st.permutations("abcde"))[: draw(st.integers(1, 5))]
    parameters: dict[str, Parameter] = {}
    for name in names:
        parameter = draw(_parameters())
        if conditional and parameters and draw(st.booleans()):
            parents = draw(st.lists(st.sampled_from(sorted(parameters)), max_size=2, unique=True))
            when = {parent: draw(_values_of(parameters[parent])) for parent in parents}
            parameter = replace(parameter, when=when)
        parameters[name] = parameter
    order = draw(st.permutations(sorted(parameters)))
    return SearchSpace({name: parameters[name] for name in order})


@st.composite
def _parameters(draw: st.DrawFn) -> Parameter:
    low, count = draw(st.integers(-20, 20)), draw(st.integers(1, 6))
    match draw(st.sampled_from(["float", "log", "steps", "int", "choices"])):
        case "float":
            return Float(low, low + count)
        case "log":
            return Float(10.0**low, 10.0 ** (low + count), log=True)
        case "steps":
            return Float(low / 10, (low + 3 * (count - 1)) / 10, step=0.3)
        case "int":
            return Int(low, low + count - 1)
    choices = st.lists(
        st.one_of(_SCALARS, _NESTED), min_size=1, max_size=count, unique_by=exact_key
    )
    return Categorical(draw(choices))


def _values_of(parameter: Parameter) -> st.SearchStrategy[list[HyperValue]]:
    values: st.SearchStrategy[HyperValue] = st.floats(0.0, 1.0).map(parameter.from_unit)
    return st.lists(values, min_size=1, max_size=3, unique_by=exact_key)
