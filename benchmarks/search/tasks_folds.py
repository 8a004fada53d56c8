"""Data sets that scikit-learn ships, cut into fixed folds, and the losses measured on them.

Everything random here has a fixed seed, and everything runs on one thread: a candidate has one
metric, up to the rounding of the linear algebra at hand.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn import datasets
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import KFold, StratifiedKFold
from threadpoolctl import ThreadpoolController

SEED: Final = 0
"""Of the rows drawn, of the folds, and of every model."""

Rows: TypeAlias = npt.NDArray[Any]
Loss: TypeAlias = Callable[[Any, Rows, Rows], float]
"""Of a fitted model on features and target; smaller is better."""


@dataclass(frozen=True)
class Folds:
    """A data set and how it is cut.

    Attributes:
        features: Shape (rows, features).
        target: Shape (rows,).
        splits: For each fold the rows to train on and those to test on.
    """

    features: Rows
    target: Rows
    splits: tuple[tuple[Rows, Rows], ...]


@cache
def folds(data: str, count: int, rows: int | None = None) -> Folds:
    """A data set cut into folds.

    Args:
        data: `"breast_cancer"`, `"diabetes"`, `"digits"` or `"wine"`.
        count: How many folds.
        rows: How many rows are drawn, all of them when left out.
    """
    bunch = getattr(datasets, f"load_{data}")()
    features, target = bunch.data.astype(float), bunch.target
    drawn = np.random.default_rng(SEED).permutation(len(target))[:rows]
    features, target = features[drawn], target[drawn]
    cut = KFold if data == "diabetes" else StratifiedKFold
    splits = cut(count, shuffle=True, random_state=SEED).split(features, target)
    return Folds(features, target, tuple(splits))


def mean_loss(model: Any, data: Folds, loss: Loss) -> float:
    """The mean over folds of the loss of a model fitted on the other rows.

    Args:
        model: An estimator of scikit-learn or of its kind; it is fitted anew on each fold.
        data: The folds.
        loss: What to measure.

    Raises:
        ValueError: The model cannot be fitted, as with a step size that makes it diverge.
    """
    losses = []
    # A fit that was cut short, or overflowed, is a candidate like any other: its loss says so.
    with warnings.catch_warnings(), np.errstate(all="ignore"), _threads().limit(limits=1):
        warnings.simplefilter("ignore")
        for train, test in data.splits:
            model.fit(data.features[train], data.target[train])
            losses.append(loss(model, data.features[test], data.target[test]))
    metric = float(np.mean(losses))
    if not np.isfinite(metric):
        raise ValueError(f"the loss is no finite number: {metric}")
    return metric


@cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


def error(model: Any, features: Rows, target: Rows) -> float:
    """The share of wrong predictions."""
    return float(np.mean(model.predict(features) != target))


def cross_entropy(model: Any, features: Rows, target: Rows) -> float:
    """The mean negative log likelihood, in nats."""
    return float(log_loss(target, model.predict_proba(features), labels=model.classes_))


def brier(model: Any, features: Rows, target: Rows) -> float:
    """The mean squared distance of the predicted probabilities from the truth, 0 to 2."""
    truth = target[:, None] == model.classes_
    return float(np.mean(np.sum((model.predict_proba(features) - truth) ** 2, axis=1)))


def area_above_roc(model: Any, features: Rows, target: Rows) -> float:
    """One minus the area under the ROC curve: the share of pairs of classes ranked wrong."""
    if hasattr(model, "decision_function"):
        scores = model.decision_function(features)
    else:
        scores = model.predict_proba(features)[:, 1]
    return 1.0 - float(roc_auc_score(target, scores))


def root_mean_square(model: Any, features: Rows, target: Rows) -> float:
    """The root of the mean squared error, in units of the target."""
    return float(np.sqrt(np.mean((model.predict(features) - target) ** 2)))
