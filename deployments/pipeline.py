"""A pipeline with the tuning in its middle: load the data, tune, train the winner, evaluate it."""

import warnings
from typing import Any

from digits import Digits, build_model, train  # type: ignore[import-not-found]
from digits import load_data as load_digits
from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.logging import get_run_logger
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from prefect_tuner import Categorical, Float, Int, Params, TunerConfig, tune

STUDY = "digits-pipeline"


@task
def load_data() -> Digits:
    """The pictures to tune and train with, and those that are kept for the end."""
    data = load_digits()
    get_run_logger().info(
        "%d pictures to train with, %d to test", len(data.train_digits), len(data.test_digits)
    )
    return data


@task
def train_winner(params: Params, data: Digits, seed: int) -> MLPClassifier:
    """A model with the best parameters, trained with all the training data."""
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return build_model(params, seed).fit(data.train_pictures, data.train_digits)


@task
def evaluate(model: MLPClassifier, data: Digits) -> float:
    """The share of pictures that a model reads right, among those that no trial has seen."""
    return float(model.score(data.test_pictures, data.test_digits))


@flow(name="pipeline")
def pipeline(
    trials: int = 6, concurrency: int = 2, seed: int = 0, confirm: int = 0
) -> dict[str, Any]:
    """Find good parameters for the digits, train a model with them, and measure it.

    Args:
        trials: How many parameters to try.
        concurrency: How many at a time.
        seed: The same seed gives the same candidates and the same model.
        confirm: How many of the best trials to evaluate anew, so that the model is not made with
            parameters that were lucky once.

    Returns:
        The best parameters, their cross-validated accuracy, and the model's on held-out data.
    """
    data = load_data()
    # A subflow: in the UI, the study and its trials have a page below this run's.
    result = tune(
        train,
        {
            "learning_rate": Float(1e-4, 1.0, log=True),
            "hidden_units": Int(8, 64),
            "activation": Categorical(["relu", "tanh", "logistic"]),
            "momentum": Float(0.0, 0.99),
        },
        seed=seed,
        study=STUDY,
        # A study of its own for each run of the pipeline.
        fresh=True,
        confirm=confirm,
        config=TunerConfig(max_trials=trials, max_concurrency=concurrency, trial_timeout=120),
    )
    # The winner's where it was confirmed, else those of the best trial.
    params = result.winning_params
    model = train_winner(params, data, seed)
    scores = {"validation_accuracy": result.winning_metric, "test_accuracy": evaluate(model, data)}
    found = f"The best of {len(result.trials)} trials" if result.winner is None else "The winner"
    create_table_artifact(
        [{**scores, **params}],
        key=f"{STUDY}-winner",
        description=f"{found}, and how it does on new data",
    )
    return {"best_params": params, **scores}
