"""The flow `tune`: hyperparameter tuning as a Prefect flow, each trial a task run."""

from prefect_tuner.example import SPACE
from prefect_tuner.flows.flow_file import leave_import_path
from prefect_tuner.flows.run.plug_in_parameters import (
    NO_OPTIONS,
    EngineOptionsParameter,
    EngineParameter,
    StrategyOptionsParameter,
    StrategyParameter,
)
from prefect_tuner.flows.run.study_parameters import (
    DEFAULT_CONFIG,
    ConfigParameter,
    ConfirmParameter,
    FreshParameter,
    InitialTrialsParameter,
    ObjectiveParameter,
    ObserversParameter,
    OnCodeChange,
    OnConflict,
    PreflightParameter,
    SeedParameter,
    SpaceParameter,
    StorageParameter,
    StudyNameParameter,
)
from prefect_tuner.flows.run.study_plan import plan_study
from prefect_tuner.flows.run.study_run import run_study
from prefect_tuner.flows.study.tuning_result import TuningResult
from prefect_tuner.flows.tune_flow import tune_flow
from prefect_tuner.strategies.factory import DEFAULT_STRATEGY
from prefect_tuner.tasks.engines.engine_registry import DEFAULT_ENGINE
from prefect_tuner.trial import Direction

if __name__ != "prefect_tuner.flows.tune":
    leave_import_path(__file__)


@tune_flow
def tune(
    objective: ObjectiveParameter = "prefect_tuner.example:train",
    space: SpaceParameter = SPACE,
    strategy: StrategyParameter = DEFAULT_STRATEGY,
    strategy_options: StrategyOptionsParameter = NO_OPTIONS,
    direction: Direction = "maximize",
    seed: SeedParameter = 0,
    study: StudyNameParameter = "",
    config: ConfigParameter = DEFAULT_CONFIG,
    observers: ObserversParameter = (),
    storage: StorageParameter = "",
    on_conflict: OnConflict = "error",
    initial_trials: InitialTrialsParameter = (),
    fresh: FreshParameter = False,
    on_code_change: OnCodeChange = "continue",
    engine: EngineParameter = DEFAULT_ENGINE,
    engine_options: EngineOptionsParameter = NO_OPTIONS,
    confirm: ConfirmParameter = 0,
    preflight: PreflightParameter = False,
) -> TuningResult:
    """Find the parameters with the best metric.

    Args:
        objective: What to tune: "package.module:attribute" or "path/to/file.py:attribute" of a
            function of the parameters that returns the metric. From Python also a callable, or an
            object with a method train.
        space: The parameters to search, by name: a list of choices, such as [null, 3, 10] or
            [[64], [64, 32]], or {"type": "float", "low": ..., "high": ..., "log": ..., "step":
            ...}, likewise with "int". From Python also Float, Int and Categorical.
        strategy: How candidates are chosen; "auto" goes by the space and the budget. From code also
            {"name": ..., and its options}.
        strategy_options: Options of the strategy, such as {"points": 5} for "grid".
        direction: Whether a larger or a smaller metric is better.
        seed: The same seed gives the same candidates.
        study: A name for the study, from which its ledger, artifacts and events get theirs. A
            study of that name that was interrupted is continued, a complete one gives its result.
            Empty: a study of the flow run's own, continued when the flow run is retried.
        config: Budget, limits, retries and stop rules.
        observers: Who else is told what happens: paths of subclasses of TuningObserver, like that
            of the objective. From Python also such objects.
        storage: The folder of the study's ledger, or the URL of one, such as "s3://bucket/studies".
            Empty: a folder under Prefect's home.
        on_conflict: What to do when the name belongs to a study of another space, objective,
            direction, strategy or seed: "error", "new" goes on as name-2, name-3, …, "adopt" keeps
            the old trials that lie in the new space.
        initial_trials: What to start from: {"params": {...}, "metric": ...} for a result that is
            known, {"params": {...}} for values to try first, the name of a study or the path of a
            file (.json, .jsonl, .csv) for all the results in it.
        fresh: Begin a study of its own in every flow run, as a schedule needs it; a flow run that
            is retried goes on with its own. In a larger flow, every run of the outermost one.
        on_code_change: What to do when the code of the objective is not what it was in the study's
            last run: "continue" with a warning that names what has changed, "error", or "new",
            which goes on as name-2, name-3, ….
        engine: Where trials run: "local" is wherever the flow's own task runner puts them, which is
            this machine unless it is told otherwise. Any run of a study may choose another.
        engine_options: Options of the engine, such as {"address": "tcp://scheduler:8786"} for
            "dask", or {"deployment": "trial/processes"} for "deployment", which has to know of
            which. No secrets: they are kept in Prefect's database.
        confirm: How many of the best trials to evaluate anew when the search is complete, with
            fresh seeds, until one is found better than the others beyond the noise: the winner, its
            mean with an interval, and how far the search had flattered it. 0: none.
        preflight: Try the middle of the space and two of its corners first, and the middle once
            more with another seed. The log then says what a trial and the study will take, and
            what to change; where all of them fail alike, the study ends with that. They count as
            trials. A study that has begun has no preflight any more.

    Returns:
        The best parameters and their metric, all trials, why the study stopped, and the winner.

    Raises:
        InvalidConfiguration: Lists all the mistakes; no trial was started.
        ObjectiveNotFound: The objective cannot be loaded; no trial was started.
        EngineError: What runs the trials cannot be reached, or cannot run them.
        StudyConflict: The name belongs to another study, or to a run that is still at it, or the
            code of the objective has changed and `on_code_change` is "error".
        LedgerError: The study's ledger cannot be read or written; what it holds stays.
        TrainingError: No trial has a metric, or one failed and `on_failure` is "raise".

    Example:
        ```python
        from prefect_tuner import Float, TunerConfig, tune

        def train(params):
            return -((params["x"] - 2.0) ** 2)

        if __name__ == "__main__":
            result = tune(
                train, {"x": Float(0.0, 4.0)}, config=TunerConfig(max_trials=10)
            )
            assert len(result.trials) == 10
        ```
    """
    plan = plan_study(locals())
    return run_study(plan, plan.name)
