"""A study in one sentence."""

from __future__ import annotations

from prefect_tuner.flows.study.tuner_config import TunerConfig
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.trial import Direction


def study_sentence(
    objective: str,
    space: SearchSpace,
    strategy: str,
    direction: Direction,
    config: TunerConfig,
) -> str:
    """What a study does, before it does it.

    Example:
        ```python
        from prefect_tuner import SearchSpace, TunerConfig
        from prefect_tuner.flows.study.study_sentence import study_sentence

        space = SearchSpace({"lr": [0.1, 0.01], "depth": [3, 5]})
        sentence = study_sentence("model:train", space, "grid", "maximize", TunerConfig())
        assert sentence == "maximize model:train over 2 parameters by grid, up to 20 trials"
        ```
    """
    parameters = "1 parameter" if len(space) == 1 else f"{len(space)} parameters"
    trials = "1 trial" if config.max_trials == 1 else f"{config.max_trials} trials"
    at_a_time = f", {config.max_concurrency} at a time" if config.max_concurrency > 1 else ""
    return f"{direction} {objective} over {parameters} by {strategy}, up to {trials}{at_a_time}"
