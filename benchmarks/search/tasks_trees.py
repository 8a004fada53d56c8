"""Tuning tasks of boosted trees: conditional on the kind of boosting, on how it is stopped."""

from __future__ import annotations

from typing import Any, Final

from lightgbm import LGBMClassifier
from sklearn.ensemble import GradientBoostingRegressor

from benchmarks.search.tasks_folds import (
    SEED,
    cross_entropy,
    folds,
    mean_loss,
    root_mean_square,
)
from prefect_tuner import Categorical, Float, Int, Params, SearchSpace

_BOOSTED: Final = {"boosting_type": ["gbdt", "dart"]}

LIGHTGBM: Final = SearchSpace(
    {
        "boosting_type": ["gbdt", "dart", "rf"],
        "n_estimators": Int(5, 60, log=True),
        "num_leaves": Int(2, 31, log=True),
        "min_child_samples": Int(2, 60, log=True),
        "colsample_bytree": Float(0.2, 1.0),
        "reg_lambda": Float(1e-4, 100.0, log=True),
        "learning_rate": Float(0.01, 1.0, log=True, when=_BOOSTED),
        "drop_rate": Float(0.0, 0.6, when={"boosting_type": ["dart"]}),
        "skip_drop": Float(0.0, 1.0, when={"boosting_type": ["dart"]}),
        "sampling": Categorical(["none", "bagging", "goss"], when=_BOOSTED),
        "bagging_fraction": Float(0.2, 1.0, when={"sampling": ["bagging"]}),
        "bagging_freq": Int(1, 10, when={"sampling": ["bagging"]}),
        "top_rate": Float(0.05, 0.5, when={"sampling": ["goss"]}),
        "other_rate": Float(0.05, 0.5, when={"sampling": ["goss"]}),
        "forest_fraction": Float(0.2, 0.95, when={"boosting_type": ["rf"]}),
    }
)
"""LightGBM: three kinds of boosting, and three ways of drawing rows with two of them."""

_RENAMED: Final = {"bagging_fraction": "subsample", "bagging_freq": "subsample_freq"}
_ALSO_FOR_BOOSTING: Final = (
    "n_estimators", "num_leaves", "min_child_samples", "colsample_bytree", "reg_lambda",
    "learning_rate", "drop_rate", "skip_drop", "bagging_fraction", "bagging_freq", "top_rate",
    "other_rate", "boosting_type",
)  # fmt: skip


def lightgbm(params: Params) -> float:
    """The log loss of LightGBM on breast_cancer, 2 folds."""
    options: dict[str, Any] = {
        _RENAMED.get(name, name): params[name] for name in _ALSO_FOR_BOOSTING if name in params
    }
    if params["boosting_type"] == "rf":
        options |= {"subsample": params["forest_fraction"], "subsample_freq": 1}
    if params.get("sampling") == "goss":
        options["data_sample_strategy"] = "goss"
    model = LGBMClassifier(
        **options,
        random_state=SEED,
        n_jobs=1,
        deterministic=True,
        force_row_wise=True,
        verbose=-1,
    )
    return mean_loss(model, folds("breast_cancer", 2), cross_entropy)


GRADIENT_BOOSTING: Final = SearchSpace(
    {
        "learning_rate": Float(0.01, 1.0, log=True),
        "n_estimators": Int(5, 50, log=True),
        "loss": ["squared_error", "absolute_error", "huber", "quantile"],
        "huber_alpha": Float(0.5, 0.99, when={"loss": ["huber"]}),
        "quantile_alpha": Float(0.2, 0.8, when={"loss": ["quantile"]}),
        "growth": ["depth", "leaves"],
        "max_depth": Int(1, 6, when={"growth": ["depth"]}),
        "max_leaf_nodes": Int(2, 32, log=True, when={"growth": ["leaves"]}),
        "min_samples_leaf": Int(1, 60, log=True),
        "subsample": Float(0.3, 1.0),
        "max_features": Float(0.1, 1.0),
        "early_stopping": [False, True],
        "validation_fraction": Float(0.05, 0.4, when={"early_stopping": [True]}),
        "n_iter_no_change": Int(1, 20, log=True, when={"early_stopping": [True]}),
        "tol": Float(1e-5, 1e-1, log=True, when={"early_stopping": [True]}),
    }
)
"""Gradient boosting: the loss, the shape of trees and early stopping have numbers of their own."""


def gradient_boosting(params: Params) -> float:
    """The root mean square error of gradient boosting on diabetes, 2 folds."""
    options: dict[str, Any] = {
        name: params[name]
        for name in params
        if name not in ("huber_alpha", "quantile_alpha", "growth", "early_stopping")
    }
    options["alpha"] = params.get("huber_alpha", params.get("quantile_alpha", 0.9))
    options["max_depth"] = params.get("max_depth")
    model = GradientBoostingRegressor(**options, random_state=SEED)
    return mean_loss(model, folds("diabetes", 2), root_mean_square)
