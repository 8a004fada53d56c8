"""A real model on real data: a neural network that reads handwritten digits.

scikit-learn ships the data: 1,797 pictures of 8 by 8 pixels. `train` is the objective that
digits.yaml tunes; pipeline.py trains the winner and tests it.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold, cross_validate, train_test_split
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from prefect_tuner import Params, TrialContext

FOLDS = 5
EPOCHS = 120
SPLIT_SEED = 0  # Not the trial's own: all trials are compared on the same pictures.


class Digits(NamedTuple):
    """Pictures as rows of 64 brightnesses from 0 to 1, and the digits they show.

    Tuning sees only the training set. The test set is for the winner, and for it alone: a score
    that was chosen by is no honest score.
    """

    train_pictures: NDArray[np.float64]
    train_digits: NDArray[np.int64]
    test_pictures: NDArray[np.float64]
    test_digits: NDArray[np.int64]


def load_data() -> Digits:
    """The digits, a fifth of them set apart for testing."""
    pictures, digits = load_digits(return_X_y=True)
    train_pictures, test_pictures, train_digits, test_digits = train_test_split(
        pictures / 16.0, digits, test_size=0.2, stratify=digits, random_state=SPLIT_SEED
    )
    return Digits(train_pictures, train_digits, test_pictures, test_digits)


def build_model(params: Params, seed: int) -> MLPClassifier:
    """A network that is not trained yet.

    Args:
        params: `learning_rate`, `hidden_units`, `activation` and `momentum`.
        seed: Of its first weights and the order of the pictures.
    """
    return MLPClassifier(
        hidden_layer_sizes=(params["hidden_units"],),
        activation=params["activation"],
        solver="sgd",
        learning_rate_init=params["learning_rate"],
        momentum=params["momentum"],
        batch_size=32,
        max_iter=EPOCHS,
        random_state=seed,
    )


def train(params: Params, trial: TrialContext) -> dict[str, float]:
    """The objective: how well such a network reads pictures it was not trained with.

    Returns:
        The metric, which is the mean accuracy over the folds; its standard deviation; and the
        mean number of epochs until training stopped by itself or at the limit.
    """
    data = load_data()
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SPLIT_SEED)
    # Several trials run at a time, so each keeps to one core: if all of them asked for all the
    # cores, they would be in each other's way, and several times slower.
    with threadpool_limits(limits=1), warnings.catch_warnings():
        # That training stopped at the limit is told by the number of epochs.
        warnings.simplefilter("ignore", ConvergenceWarning)
        scores = cross_validate(
            build_model(params, trial.seed),
            data.train_pictures,
            data.train_digits,
            cv=folds,
            return_estimator=True,
            error_score="raise",
        )
    accuracies = scores["test_score"]
    return {
        "metric": float(accuracies.mean()),
        "std": float(accuracies.std()),
        "epochs": float(np.mean([model.n_iter_ for model in scores["estimator"]])),
    }
