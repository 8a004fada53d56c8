"""Tuning tasks of kernel methods and neighbours: conditional on the kernel, on the metric."""

from __future__ import annotations

from typing import Any, Final

from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.kernel_ridge import KernelRidge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer, QuantileTransformer, StandardScaler
from sklearn.svm import SVC

from benchmarks.search.tasks_folds import (
    SEED,
    brier,
    error,
    folds,
    mean_loss,
    root_mean_square,
)
from prefect_tuner import Categorical, Float, Int, Params, SearchSpace

SVM: Final = SearchSpace(
    {
        "reduction": ["none", "pca"],
        "n_components": Int(4, 60, log=True, when={"reduction": ["pca"]}),
        "whiten": Categorical([False, True], when={"reduction": ["pca"]}),
        "C": Float(1e-3, 1e3, log=True),
        "kernel": ["linear", "poly", "rbf", "sigmoid"],
        "gamma_rule": Categorical(["scale", "value"], when={"kernel": ["poly", "rbf", "sigmoid"]}),
        "gamma": Float(1e-6, 1.0, log=True, when={"gamma_rule": ["value"]}),
        "degree": Int(2, 5, when={"kernel": ["poly"]}),
        "coef0": Float(-1.0, 1.0, when={"kernel": ["poly", "sigmoid"]}),
    }
)
"""A support vector machine: three levels, reduction of the features besides."""


def svm(params: Params) -> float:
    """The error of a support vector machine on 400 digits, 2 folds."""
    kernel: dict[str, Any] = {
        name: params[name] for name in ("C", "kernel", "degree", "coef0") if name in params
    }
    kernel["gamma"] = params.get("gamma", "scale")
    steps: list[Any] = []
    if params["reduction"] == "pca":
        steps.append(PCA(params["n_components"], whiten=params["whiten"], random_state=SEED))
    model = make_pipeline(*steps, SVC(**kernel, max_iter=5000))
    return mean_loss(model, folds("digits", 2, 400), error)


KERNEL_RIDGE: Final = SearchSpace(
    {
        "scaler": ["none", "standard", "quantile"],
        "n_quantiles": Int(5, 200, log=True, when={"scaler": ["quantile"]}),
        "target": ["plain", "yeo-johnson"],
        "alpha": Float(1e-4, 1e2, log=True),
        "kernel": ["linear", "polynomial", "rbf", "laplacian", "sigmoid", "cosine"],
        "gamma": Float(
            1e-4, 10.0, log=True, when={"kernel": ["polynomial", "rbf", "laplacian", "sigmoid"]}
        ),
        "degree": Int(2, 5, when={"kernel": ["polynomial"]}),
        "coef0": Float(0.0, 5.0, when={"kernel": ["polynomial", "sigmoid"]}),
    }
)
"""Kernel ridge regression: what a kernel needs depends on the kernel."""


def kernel_ridge(params: Params) -> float:
    """The root mean square error of kernel ridge regression on diabetes, 2 folds."""
    steps: list[Any] = []
    if params["scaler"] == "standard":
        steps.append(StandardScaler())
    elif params["scaler"] == "quantile":
        steps.append(
            QuantileTransformer(
                n_quantiles=params["n_quantiles"],
                output_distribution="normal",
                random_state=SEED,
            )
        )
    kernel = {
        name: params[name]
        for name in ("alpha", "kernel", "gamma", "degree", "coef0")
        if name in params
    }
    model = TransformedTargetRegressor(
        make_pipeline(*steps, KernelRidge(**kernel)),
        # Kernel ridge regression has no intercept: either way the target is centred.
        transformer=(PowerTransformer() if params["target"] == "yeo-johnson" else StandardScaler()),
    )
    return mean_loss(model, folds("diabetes", 2), root_mean_square)


NEIGHBOURS: Final = SearchSpace(
    {
        "reduction": ["none", "pca", "k_best"],
        "n_components": Int(4, 60, log=True, when={"reduction": ["pca"]}),
        "whiten": Categorical([False, True], when={"reduction": ["pca"]}),
        "k_best": Int(4, 60, when={"reduction": ["k_best"]}),
        "n_neighbors": Int(1, 60, log=True),
        "metric": ["minkowski", "cosine", "chebyshev", "canberra"],
        "p": Float(1.0, 6.0, when={"metric": ["minkowski"]}),
        "weights": ["uniform", "distance", "power"],
        "exponent": Float(0.5, 20.0, log=True, when={"weights": ["power"]}),
    }
)
"""Nearest neighbours: three choices, each with numbers of its own."""


def neighbours(params: Params) -> float:
    """The Brier score of nearest neighbours on 400 digits, 2 folds."""
    steps: list[Any] = []
    if params["reduction"] == "pca":
        steps.append(PCA(params["n_components"], whiten=params["whiten"], random_state=SEED))
    elif params["reduction"] == "k_best":
        steps.append(SelectKBest(f_classif, k=params["k_best"]))
    weights: Any = params["weights"]
    if weights == "power":
        exponent = float(params["exponent"])

        def weights(distances: Any) -> Any:
            # Relative to the nearest, lest a large power overflows.
            nearest = distances.min(axis=1, keepdims=True)
            return ((nearest + 1e-9) / (distances + 1e-9)) ** exponent

    metric = {name: params[name] for name in ("metric", "p") if name in params}
    model = make_pipeline(
        *steps,
        KNeighborsClassifier(params["n_neighbors"], weights=weights, algorithm="brute", **metric),
    )
    return mean_loss(model, folds("digits", 2, 400), brier)
