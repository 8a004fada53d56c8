"""Surrogates of YAHPO Gym: networks for tabular data, and XGBoost with all that it can be told.

Each stands for one data set, and says what a candidate would reach on it: `lcbench` the validation
accuracy of a network after 52 epochs, by 7 parameters; `rbv2_xgboost` the accuracy of XGBoost in
ten repetitions on all data, by 14 parameters of which 8 depend on the booster. Other than a table,
a surrogate has a value everywhere. Nobody knows its optimum: `best` is the smallest that a search
of 300,000 random candidates, and of 180,000 around the best of them, found; of `xgboost-1049` a
search around the best of 14 runs of `gp`.

Needs `python -m pip install onnxruntime`, and the folders `lcbench` and `rbv2_xgboost` of
https://github.com/slds-lmu/yahpo_data (v1.0.2) in the folder that `YAHPO_DATA` names.

Source: F. Pfisterer et al., YAHPO Gym, AutoML 2022 (arXiv 2109.03670).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from prefect_tuner import Categorical, Float, Int, Params, SearchSpace


class _Instance(NamedTuple):
    """One data set of a scenario: the best metric that is known, and the median of random ones."""

    scenario: str
    number: str
    best: float
    median: float


_INSTANCES: Final = {
    "lcbench-167168": _Instance("lcbench", "167168", 10.573784, 55.679699),
    "lcbench-189873": _Instance("lcbench", "189873", 0.759369, 99.311953),
    "lcbench-189906": _Instance("lcbench", "189906", 4.724907, 47.677122),
    "lcbench-168868": _Instance("lcbench", "168868", 0.243172, 2.779785),
    "lcbench-126026": _Instance("lcbench", "126026", 0.251541, 6.975258),
    "lcbench-7593": _Instance("lcbench", "7593", 8.302811, 43.562626),
    "xgboost-12": _Instance("rbv2_xgboost", "12", -0.000381, 15.214667),
    "xgboost-1501": _Instance("rbv2_xgboost", "1501", -0.000381, 83.360904),
    "xgboost-16": _Instance("rbv2_xgboost", "16", -0.000381, 32.461751),
    "xgboost-1049": _Instance("rbv2_xgboost", "1049", 1.059979, 11.866039),
}

FAMILIES: Final = {name: instance.scenario for name, instance in _INSTANCES.items()}
"""The scenario of each instance."""

TUNED_ON: Final = tuple(_INSTANCES)
"""The instances that were looked at while the strategies were made: all of these, and no others."""

SATURATED: Final = ()
"""The instances on which random search is nearly as good as any: none."""

_TREES: Final = ["gbtree", "dart"]


class _Scenario(NamedTuple):
    """What is searched in a scenario, and how its model is asked.

    Attributes:
        space: What is searched.
        instance: The categorical input that names the data set.
        numbers: The numeric inputs, in order.
        choices: The categorical inputs, in order.
        fixed: Inputs that are not searched.
        output: Which output is the accuracy.
        scale: What 1 of it is, in the metric.
    """

    space: SearchSpace
    instance: str
    numbers: tuple[str, ...]
    choices: tuple[str, ...]
    fixed: Mapping[str, float]
    output: int
    scale: float


_SCENARIOS: Final = {
    "lcbench": _Scenario(
        SearchSpace(
            {
                "batch_size": Int(16, 512, log=True),
                "learning_rate": Float(1e-4, 0.1, log=True),
                "max_dropout": Float(0.0, 1.0),
                "max_units": Int(64, 1024, log=True),
                "momentum": Float(0.1, 0.99),
                "num_layers": Int(1, 5),
                "weight_decay": Float(1e-5, 0.1),
            }
        ),
        instance="OpenML_task_id",
        numbers=(
            "epoch",
            "batch_size",
            "learning_rate",
            "momentum",
            "weight_decay",
            "num_layers",
            "max_units",
            "max_dropout",
        ),
        choices=("OpenML_task_id",),
        fixed={"epoch": 52.0},
        output=1,
        scale=1.0,
    ),
    "rbv2_xgboost": _Scenario(
        SearchSpace(
            {
                "booster": Categorical(["gblinear", "gbtree", "dart"]),
                "alpha": Float(np.exp(-7.0), np.exp(7.0), log=True),
                "lambda": Float(np.exp(-7.0), np.exp(7.0), log=True),
                "nrounds": Int(7, 2981, log=True),
                "num.impute.selected.cpo": Categorical(
                    ["impute.mean", "impute.median", "impute.hist"]
                ),
                "subsample": Float(0.1, 1.0),
                "colsample_bylevel": Float(0.01, 1.0, when={"booster": _TREES}),
                "colsample_bytree": Float(0.01, 1.0, when={"booster": _TREES}),
                "eta": Float(np.exp(-7.0), 1.0, log=True, when={"booster": _TREES}),
                "gamma": Float(np.exp(-10.0), np.exp(2.0), log=True, when={"booster": _TREES}),
                "max_depth": Int(1, 15, when={"booster": _TREES}),
                "min_child_weight": Float(
                    np.exp(1.0), np.exp(5.0), log=True, when={"booster": _TREES}
                ),
                "rate_drop": Float(0.0, 1.0, when={"booster": ["dart"]}),
                "skip_drop": Float(0.0, 1.0, when={"booster": ["dart"]}),
            }
        ),
        instance="task_id",
        numbers=(
            "nrounds",
            "eta",
            "gamma",
            "lambda",
            "alpha",
            "subsample",
            "max_depth",
            "min_child_weight",
            "colsample_bytree",
            "colsample_bylevel",
            "rate_drop",
            "skip_drop",
            "trainsize",
            "repl",
        ),
        choices=("task_id", "booster", "num.impute.selected.cpo"),
        fixed={"trainsize": 1.0, "repl": 10.0},
        output=0,
        scale=100.0,
    ),
}


@dataclass(frozen=True, eq=False)
class Surrogate:
    """One instance of a scenario; a `Problem`. Its metric is the error in percent.

    Attributes:
        name: Of the instance.
        family: The scenario.
        space: What is searched.
        optimum: The smallest metric that is known.
        median: Of the metrics of random candidates.
    """

    name: str
    family: str
    space: SearchSpace
    optimum: float
    median: float
    _number: str = field(repr=False)
    _model: Any = field(repr=False)

    def metric(self, params: Params) -> float:
        """The error of a candidate in percent."""
        return float(self.metrics([params])[0])

    def metrics(self, candidates: list[Params]) -> npt.NDArray[np.float64]:
        """The errors of some candidates at once, shape (candidates,)."""
        scenario, codes = _SCENARIOS[self.family], _encoding(self.family)
        rows = [{**scenario.fixed, scenario.instance: self._number, **row} for row in candidates]
        # What is not active is 0, or a choice of its own.
        numbers = [[row.get(name, 0.0) for name in scenario.numbers] for row in rows]
        choices = [
            [codes[name][row.get(name, "#na#")] for name in scenario.choices] for row in rows
        ]
        inputs = {
            "x_cat": np.array(choices, dtype=np.int32),
            "x_cont": np.array(numbers, dtype=np.float32),
        }
        accuracy = self._model.run(None, inputs)[0][:, scenario.output]
        return 100.0 - scenario.scale * np.asarray(accuracy, dtype=np.float64)

    def time(self, params: Params) -> float:  # noqa: ARG002
        """One second."""
        return 1.0

    def regret(self, metric: float) -> float:
        """How far a metric is from the best that is known: 0 there, 1 at the median."""
        return (metric - self.optimum) / (self.median - self.optimum)


@cache
def load(name: str) -> Surrogate:
    """One of the instances.

    Raises:
        ModuleNotFoundError: onnxruntime is not installed.
        FileNotFoundError: The data are not there.
    """
    instance = _INSTANCES[name]
    return Surrogate(
        name,
        instance.scenario,
        _SCENARIOS[instance.scenario].space,
        instance.best,
        instance.median,
        instance.number,
        _model(instance.scenario),
    )


@cache
def _model(scenario: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = _folder(scenario) / "model.onnx"
    return onnxruntime.InferenceSession(str(path), options)


@cache
def _encoding(scenario: str) -> dict[str, dict[str, int]]:
    encoding: dict[str, dict[str, int]] = json.loads(
        (_folder(scenario) / "encoding.json").read_text("utf-8")
    )
    return encoding


def _folder(scenario: str) -> Path:
    folder = Path(os.environ.get("YAHPO_DATA", "yahpo_data")) / scenario
    if not (folder / "model.onnx").is_file():
        raise FileNotFoundError(
            f"{folder} holds no model.onnx: YAHPO_DATA names the folder with the scenarios of "
            "https://github.com/slds-lmu/yahpo_data"
        )
    return folder
