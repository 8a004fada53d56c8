"""A tuning task of a whole pipeline: scaler, reduction of the features, and one of four models."""

from __future__ import annotations

from typing import Any, Final

from lightgbm import LGBMClassifier
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, RobustScaler, StandardScaler
from sklearn.svm import SVC

from benchmarks.search.tasks_folds import SEED, area_above_roc, folds, mean_loss
from prefect_tuner import Categorical, Float, Int, Params, SearchSpace

_SVM: Final = {"model": ["svm"]}
_FOREST: Final = {"model": ["forest"]}
_LIGHTGBM: Final = {"model": ["lightgbm"]}
_LOGISTIC: Final = {"model": ["logistic"]}

PIPELINE: Final = SearchSpace(
    {
        "scaler": ["none", "standard", "minmax", "robust", "quantile"],
        "reduction": ["none", "k_best", "pca"],
        "k": Int(2, 30, when={"reduction": ["k_best"]}),
        "n_components": Int(2, 30, log=True, when={"reduction": ["pca"]}),
        "whiten": Categorical([False, True], when={"reduction": ["pca"]}),
        "model": ["logistic", "svm", "forest", "lightgbm"],
        "penalty": Categorical(["l2", "l1", "elasticnet"], when=_LOGISTIC),
        "l1_ratio": Float(0.05, 0.95, when={"penalty": ["elasticnet"]}),
        "inverse_penalty": Float(1e-4, 1e3, log=True, when=_LOGISTIC),
        "C": Float(1e-3, 1e3, log=True, when=_SVM),
        "kernel": Categorical(["linear", "rbf", "poly"], when=_SVM),
        "gamma": Float(1e-5, 1.0, log=True, when={"kernel": ["rbf", "poly"]}),
        "degree": Int(2, 4, when={"kernel": ["poly"]}),
        "kind": Categorical(["random_forest", "extra_trees"], when=_FOREST),
        "max_features": Float(0.05, 1.0, when=_FOREST),
        "min_samples_leaf": Int(1, 20, log=True, when=_FOREST),
        "has_bootstrap": Categorical([False, True], when=_FOREST),
        "max_samples": Float(0.2, 1.0, when={"has_bootstrap": [True]}),
        "learning_rate": Float(0.01, 0.5, log=True, when=_LIGHTGBM),
        "num_leaves": Int(2, 31, log=True, when=_LIGHTGBM),
        "min_child_samples": Int(2, 50, log=True, when=_LIGHTGBM),
        "reg_lambda": Float(1e-4, 100.0, log=True, when=_LIGHTGBM),
    }
)
"""Four models, each with a subtree of its own: 22 parameters, of which 5 to 9 are active."""


def pipeline(params: Params) -> float:
    """One minus the area under the ROC curve of a pipeline on breast_cancer, 2 folds."""
    steps: list[Any] = []
    if params["scaler"] != "none":
        steps.append(_scaler(str(params["scaler"])))
    if params["reduction"] == "k_best":
        steps.append(SelectKBest(f_classif, k=params["k"]))
    elif params["reduction"] == "pca":
        steps.append(PCA(params["n_components"], whiten=params["whiten"], random_state=SEED))
    model = make_pipeline(*steps, _MODELS[str(params["model"])](params))
    return mean_loss(model, folds("breast_cancer", 2), area_above_roc)


def _scaler(name: str) -> Any:
    if name == "quantile":
        return QuantileTransformer(n_quantiles=100, output_distribution="normal", random_state=SEED)
    return {"standard": StandardScaler, "minmax": MinMaxScaler, "robust": RobustScaler}[name]()


def _logistic(params: Params) -> Any:
    ratio = {"l2": 0.0, "l1": 1.0}.get(str(params["penalty"]), params.get("l1_ratio"))
    return LogisticRegression(
        C=params["inverse_penalty"],
        l1_ratio=ratio,
        solver="lbfgs" if ratio == 0.0 else "saga",
        max_iter=60,
        random_state=SEED,
    )


def _svm(params: Params) -> Any:
    names = ("C", "kernel", "gamma", "degree")
    return SVC(**{name: params[name] for name in names if name in params}, max_iter=5000)


def _forest(params: Params) -> Any:
    kind = RandomForestClassifier if params["kind"] == "random_forest" else ExtraTreesClassifier
    return kind(
        n_estimators=10,
        max_features=params["max_features"],
        min_samples_leaf=params["min_samples_leaf"],
        bootstrap=params["has_bootstrap"],
        max_samples=params.get("max_samples"),
        random_state=SEED,
    )


def _lightgbm(params: Params) -> Any:
    names = ("learning_rate", "num_leaves", "min_child_samples", "reg_lambda")
    return LGBMClassifier(
        **{name: params[name] for name in names},
        n_estimators=30,
        random_state=SEED,
        n_jobs=1,
        deterministic=True,
        force_row_wise=True,
        verbose=-1,
    )


_MODELS: Final = {
    "logistic": _logistic, "svm": _svm, "forest": _forest, "lightgbm": _lightgbm
}  # fmt: skip
