"""`prefect_tuner.plots`: figures of studies, wherever they are."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import optuna
import pytest
from matplotlib.figure import Figure

from prefect_tuner import (
    Categorical,
    Float,
    Int,
    InvalidConfiguration,
    Outcome,
    StopReason,
    Study,
    TuningResult,
    plots,
)
from prefect_tuner.flows.study_report.optuna_view import optuna_view
from prefect_tuner.flows.study_report.trials_view import result_view
from tests.flows.stored_studies import store_study
from tests.flows.studies import completed, failed

optuna.logging.set_verbosity(optuna.logging.ERROR)


def texts(figure: Figure) -> str:
    """All that is written in a figure."""
    from matplotlib.text import Text

    return " | ".join(text.get_text() for text in figure.findobj(Text))


def by_hand() -> Study:
    study = Study({"x": Float(0.0, 1.0), "kind": ["a", "b"]}, strategy="random", seed=1)
    for _ in range(12):
        trial = study.ask()
        assert trial is not None
        study.tell(trial, trial.params["x"])
    return study


def of_optuna() -> optuna.Study:
    def objective(trial: optuna.Trial) -> float:
        rate = trial.suggest_float("rate", 1e-4, 1.0, log=True)
        depth = trial.suggest_int("depth", 1, 8)
        kind = trial.suggest_categorical("kind", ["a", None, 3])
        if trial.number == 3:
            raise ValueError("no")
        if trial.number == 4:
            raise optuna.TrialPruned
        if kind == "a":
            rate *= trial.suggest_float("scale", 0.5, 1.0, step=0.1)
        return float("inf") if trial.number == 5 else rate * depth

    study = optuna.create_study(study_name="theirs", sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=15, catch=(ValueError,))
    return study


def test_a_study_by_hand_has_all_figures_that_it_can_have() -> None:
    study = by_hand()
    assert "Best so far by trial" in texts(plots.history(study))
    assert "Importance" in texts(plots.importance(study))
    assert "x and kind" in texts(plots.contour(study))
    assert "kind and x" in texts(plots.contour(study, "kind", "x"))
    assert "2 of 2 parameters, 12 of 12 trials" in texts(plots.parallel_coordinates(study))
    assert "best tenth" in texts(plots.slices(study, "kind"))
    assert "When trials ran is not known." in texts(plots.timeline(study))
    assert "When trials ended is not known." in texts(plots.history_by_time(study))


def test_importance_is_told_by_the_methods_that_were_asked_for() -> None:
    study = by_hand()
    assert "by PED-ANOVA" in texts(plots.importance(study))
    assert "by fANOVA" in texts(plots.importance(study, method="fanova"))
    both = texts(plots.importance(study, ["fanova", "ped-anova"]))
    assert "PED-ANOVA" in both
    assert "fANOVA" in both
    for wrong in ("f-anova", [], ["fanova", "x"], 3):
        with pytest.raises(
            InvalidConfiguration, match="method: must be 'ped-anova' or 'fanova', or a list"
        ):
            plots.importance(study, wrong)  # type: ignore[arg-type]


def test_a_result_has_figures() -> None:
    study = by_hand()
    best = study.best_trial
    assert best is not None
    result = TuningResult(
        study="done",
        direction="minimize",
        stop_reason=StopReason.MAX_TRIALS,
        best_trial=best,
        trials=list(study.history),
        duration=3.0,
    )
    assert "minimized" in texts(plots.history(result))
    space = result_view(result).space
    assert isinstance(space["x"], Float)
    assert isinstance(space["kind"], Categorical)


def test_a_stored_study_has_figures(tmp_path: Path) -> None:
    store_study("stored", completed(0, 0.25, x=0.1), completed(1, 0.5, x=0.9), failed(2))
    figure = plots.timeline("stored")
    assert "Timeline" in texts(figure)
    file = tmp_path / "timeline.png"
    figure.savefig(file)
    assert file.stat().st_size > 5_000
    with pytest.raises(InvalidConfiguration, match="'stord' is not known"):
        plots.history("stord")


def test_an_optuna_study_is_seen_as_what_it_is() -> None:
    view = optuna_view(of_optuna())
    assert view.name == "theirs"
    assert view.goal.direction == "minimize"
    assert dict(view.space) == {
        "rate": Float(1e-4, 1.0, log=True),
        "depth": Int(1, 8),
        "kind": Categorical(["a", None, 3]),
        "scale": Float(0.5, 1.0),
    }
    outcomes = [trial.outcome for trial in view.trials]
    assert outcomes[3:6] == [Outcome.FAILED, Outcome.PRUNED, Outcome.INVALID_METRIC]
    assert len(view.measured) == 12
    assert view.best is not None
    assert view.best.metric == min(view.metrics)
    assert set(view.started) == set(view.ended) == set(range(15))
    assert min(view.started.values()) == 0.0


def test_an_optuna_study_has_figures() -> None:
    study = of_optuna()
    for draw in (plots.history, plots.history_by_time, plots.importance, plots.timeline):
        assert "is not known" not in texts(draw(study))
    assert "only in" in texts(plots.slices(study, "scale"))
    assert "best tenth" in texts(plots.parallel_coordinates(study))


def test_an_optuna_study_whose_ranges_changed_has_all_of_them() -> None:
    study = optuna.create_study()
    for low, high in ((0.0, 1.0), (0.5, 3.0)):
        trial = study.ask({"x": optuna.distributions.FloatDistribution(low, high)})
        study.tell(trial, trial.params["x"])
    assert dict(optuna_view(study).space) == {"x": Float(0.0, 3.0)}
    assert optuna_view(study).elapsed is None
    assert study.trials[0].duration is not None
    assert study.trials[0].duration >= timedelta(0)


def test_studies_of_all_kinds_are_compared(tmp_path: Path) -> None:
    store_study("$stored$", completed(0, 0.25, x=0.1), completed(1, 0.5, x=0.9), failed(2))
    figure = plots.comparison(["$stored$", by_hand(), of_optuna()])
    assert "not comparable: their directions differ" in texts(figure)
    assert r"\$stored\$" in texts(figure)
    figure.savefig(tmp_path / "comparison.png")
    figure = plots.comparison_by_time({"first": by_hand(), "then": of_optuna(), "last": "$stored$"})
    for shown in ("first", "then", "no times", "time (seconds)"):
        assert shown in texts(figure)
    assert "stored" not in texts(figure)
    nothing = texts(plots.comparison_by_time([by_hand(), by_hand()]))
    assert "Best so far by time" in nothing
    assert "When trials ended is not known." in nothing


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("stored", "studies: must be a list of studies, or a mapping"),
        (by_hand, "studies: must be a list of studies, or a mapping"),
        ([], "studies: must be two or more, got 0"),
        (["stored"], "studies: must be two or more, got 1"),
        ([3, 4], "study: must be a TuningResult, a Study, "),
    ],
)
def test_what_cannot_be_compared_is_named(wrong: Any, message: str) -> None:
    with pytest.raises(InvalidConfiguration, match=message):
        plots.comparison(wrong)


@pytest.mark.parametrize("wrong", [3, None, {"trials": []}])
def test_what_is_no_study_is_named(wrong: Any) -> None:
    with pytest.raises(InvalidConfiguration, match="study: must be a TuningResult, a Study, "):
        plots.history(wrong)


def test_an_optuna_study_of_two_objectives_is_refused() -> None:
    study = optuna.create_study(directions=["minimize", "maximize"])
    with pytest.raises(
        InvalidConfiguration, match="must have one objective, got an Optuna study of 2"
    ):
        plots.history(study)


def test_a_parameter_that_there_is_not_is_named() -> None:
    with pytest.raises(
        InvalidConfiguration, match="parameter: must be one of 'x', 'kind', got 'y'"
    ):
        plots.slices(by_hand(), "y")
    with pytest.raises(InvalidConfiguration, match="x: must be one of 'x', 'kind', got 'z'"):
        plots.contour(by_hand(), "z")


def test_what_to_install_is_said_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(InvalidConfiguration, match=r'pip install "prefect-tuner\[report\]"'):
        plots.history(by_hand())


def test_nothing_of_matplotlibs_is_shared_and_nothing_is_imported_early() -> None:
    program = (
        "import sys, prefect_tuner.plots as plots\n"
        "from prefect_tuner import Study\n"
        "assert 'matplotlib' not in sys.modules\n"
        "study = Study({'x': [1, 2, 3]}, strategy='grid')\n"
        "study.tell(study.ask(), 1.0)\n"
        "import matplotlib as mpl\n"
        "before = mpl.rcParams.copy()\n"
        "plots.history(study).savefig(__import__('io').BytesIO())\n"
        "assert mpl.rcParams.copy() == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "assert 'optuna' not in sys.modules and 'prefect' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
