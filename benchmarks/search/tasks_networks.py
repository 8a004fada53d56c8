"""Tuning tasks of models trained by gradient descent: conditional on the solver, on the layers."""

from __future__ import annotations

from typing import Any, Final

from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, StandardScaler

from benchmarks.search.tasks_folds import SEED, cross_entropy, folds, mean_loss
from prefect_tuner import Categorical, Float, Int, Params, SearchSpace

_BY_BATCHES: Final = {"solver": ["sgd", "adam"]}

NETWORK: Final = SearchSpace(
    {
        "n_layers": Int(1, 3),
        "units_1": Int(4, 64, log=True),
        "units_2": Int(4, 64, log=True, when={"n_layers": [2, 3]}),
        "units_3": Int(4, 64, log=True, when={"n_layers": [3]}),
        "activation": ["relu", "tanh", "logistic"],
        "alpha": Float(1e-6, 10.0, log=True),
        "solver": ["sgd", "adam", "lbfgs"],
        "batch_size": Int(16, 128, log=True, when=_BY_BATCHES),
        "learning_rate_init": Float(1e-4, 1.0, log=True, when=_BY_BATCHES),
        "momentum": Float(0.0, 0.99, when={"solver": ["sgd"]}),
        "learning_rate": Categorical(
            ["constant", "invscaling", "adaptive"], when={"solver": ["sgd"]}
        ),
        "power_t": Float(0.05, 1.0, when={"learning_rate": ["invscaling"]}),
        "beta_1": Float(0.5, 0.99, when={"solver": ["adam"]}),
        "max_fun": Int(20, 60, when={"solver": ["lbfgs"]}),
    }
)
"""A network: as many widths as layers, and what a solver needs, on three levels."""


def network(params: Params) -> float:
    """The log loss of a network on 300 digits, 2 folds, 12 passes over the data."""
    units = [params[f"units_{layer}"] for layer in range(1, int(params["n_layers"]) + 1)]
    options: dict[str, Any] = {
        name: value
        for name, value in params.items()
        if name != "n_layers" and not name.startswith("units_")
    }
    lbfgs = params["solver"] == "lbfgs"
    model = make_pipeline(
        MinMaxScaler(),
        MLPClassifier(units, **options, max_iter=60 if lbfgs else 12, random_state=SEED),
    )
    return mean_loss(model, folds("digits", 2, 300), cross_entropy)


_STEPPED: Final = {"learning_rate": ["constant", "invscaling", "adaptive"]}

LINEAR: Final = SearchSpace(
    {
        "scaler": ["none", "standard", "minmax"],
        "expansion": ["none", "polynomial", "nystroem"],
        "interaction_only": Categorical([False, True], when={"expansion": ["polynomial"]}),
        "gamma": Float(1e-4, 10.0, log=True, when={"expansion": ["nystroem"]}),
        "n_components": Int(5, 100, log=True, when={"expansion": ["nystroem"]}),
        "penalty": ["l2", "l1", "elasticnet"],
        "l1_ratio": Float(0.0, 1.0, when={"penalty": ["elasticnet"]}),
        "alpha": Float(1e-6, 10.0, log=True),
        "learning_rate": ["optimal", "constant", "invscaling", "adaptive"],
        "eta0": Float(1e-4, 10.0, log=True, when=_STEPPED),
        "power_t": Float(0.05, 1.0, when={"learning_rate": ["invscaling"]}),
        "average": [False, True],
    }
)
"""A linear classifier by stochastic gradient descent, on features made from the data or not."""


def linear(params: Params) -> float:
    """The log loss of a linear classifier on wine, 2 folds.

    Raises:
        ValueError: The steps are so large that the weights overflow.
    """
    steps: list[Any] = []
    if params["scaler"] != "none":
        steps.append(StandardScaler() if params["scaler"] == "standard" else MinMaxScaler())
    if params["expansion"] == "polynomial":
        steps.append(
            PolynomialFeatures(interaction_only=params["interaction_only"], include_bias=False)
        )
    elif params["expansion"] == "nystroem":
        steps.append(
            Nystroem(gamma=params["gamma"], n_components=params["n_components"], random_state=SEED)
        )
    names = ("penalty", "l1_ratio", "alpha", "learning_rate", "eta0", "power_t", "average")
    options = {name: params[name] for name in names if name in params}
    model = make_pipeline(
        *steps, SGDClassifier(loss="log_loss", **options, max_iter=40, random_state=SEED)
    )
    return mean_loss(model, folds("wine", 2), cross_entropy)
