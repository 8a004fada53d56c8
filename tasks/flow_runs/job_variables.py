"""Templates in the job variables of trials: a pod is as large as its trial may become.

```
{"memory_limit": "{memory_mb}Mi"}, memory_mb=1512 -> {"memory_limit": "1512Mi"}
```
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.trial import TrialLimits
from prefect_tuner.validation import unknown_name

TemplateValue: TypeAlias = int | float | str | None
"""What a template stands for; None where the study's configuration does not say."""

HEADROOM_MB = 512
"""Megabytes that a trial's pod or container needs beside the trial.

Measured: the largest sum, ten times a second, of the memory that is no file's of all processes of
`prefect flow-run execute`, for a flow that runs one trial which sleeps. It is 80 MB each for the
command, for the flow that it starts, and 45 MB for the processes that watch the trial: 205 MB. An
import of scikit-learn and pandas by the objective, which a trial's limit does not count, makes it
310 MB. The rest is for imports that are larger and for what the kernel keeps.
"""

_SET_BY = {
    "memory_mb": "config.trial_memory_mb",
    "trial_memory_mb": "config.trial_memory_mb",
    "trial_timeout": "config.trial_timeout",
}
"""Which setting of the study a template gets its value from, where that may be missing."""

_BRACES = re.compile(r"\{\{.*?\}\}|\$\{.*?\}|\{([a-z_]+)\}", re.DOTALL)
"""What stands in braces: Prefect's own, a shell's, and, with its name as the group, a template."""


def template_values(
    study: str, number: int, attempt: int, limits: TrialLimits
) -> dict[str, TemplateValue]:
    """What the templates in the job variables of an attempt stand for, by name.

    Args:
        study: The study's name.
        number: The trial's place in the study, from 0.
        attempt: 1, or more after retries.
        limits: What the trial may take.

    Returns:
        `study`, `number`, `attempt`; in megabytes `trial_memory_mb`, and `memory_mb`, which is the
        same and `HEADROOM_MB`; in seconds `trial_timeout`. Limits are rounded up, and None where
        there is none.

    Example:
        ```python
        from prefect_tuner.tasks.flow_runs.job_variables import template_values
        from prefect_tuner.trial import TrialLimits

        values = template_values("digits", 7, 1, TrialLimits(timeout=59.5, memory=2_000_000_000))
        assert values["trial_memory_mb"] == 2000
        assert values["memory_mb"] == 2512
        assert values["trial_timeout"] == 60
        ```
    """
    memory = None if limits.memory is None else math.ceil(limits.memory / 1_000_000)
    return {
        "study": study,
        "number": number,
        "attempt": attempt,
        "trial_memory_mb": memory,
        "memory_mb": None if memory is None else memory + HEADROOM_MB,
        "trial_timeout": None if limits.timeout is None else math.ceil(limits.timeout),
    }


def filled(
    job_variables: Mapping[str, Any],
    values: Mapping[str, TemplateValue],
    place: str = "engine_options.job_variables",
) -> dict[str, Any]:
    """Job variables with a value for each template in their texts, however deep they stand.

    A template is a lower-case name in single braces. A text that is nothing but one becomes its
    value, which stays a number; in any other text the value is put in. Keys stay as they are, and
    so does all else in braces: JSON, `${HOME}`, and Prefect's own `{{ prefect.variables.x }}`.

    Args:
        job_variables: JSON data. It is left as it is.
        values: What the templates stand for, by name, such as `template_values` gives.
        place: What the job variables are called in mistakes.

    Raises:
        InvalidConfiguration: Lists all the mistakes: a template is not known, or stands for a
            setting that the study does not have.

    Example:
        ```python
        from prefect_tuner.tasks.flow_runs.job_variables import filled

        asked = {"memory": "{memory_mb}", "env": {"RUN": "{study}/{number}", "AT": "${HOME}"}}
        given = filled(asked, {"memory_mb": 2512, "study": "digits", "number": 7})
        assert given == {"memory": 2512, "env": {"RUN": "digits/7", "AT": "${HOME}"}}
        ```
    """
    mistakes: list[str] = []
    given: dict[str, Any] = _filled(job_variables, values, place, mistakes)
    if mistakes:
        raise InvalidConfiguration(*dict.fromkeys(mistakes))
    return given


def _filled(
    value: Any, values: Mapping[str, TemplateValue], place: str, mistakes: list[str]
) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _filled(inner, values, f"{place}.{key}", mistakes) for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [
            _filled(inner, values, f"{place}.{index}", mistakes)
            for index, inner in enumerate(value)
        ]
    return _filled_text(value, values, place, mistakes) if isinstance(value, str) else value


def _filled_text(
    text: str, values: Mapping[str, TemplateValue], place: str, mistakes: list[str]
) -> str | int | float | None:
    names = [found[1] for found in _BRACES.finditer(text) if found[1]]
    wrong = [f"{place}: {mistake}" for name in names if (mistake := _mistake(name, values))]
    if wrong:
        mistakes += wrong
        return text
    if len(names) == 1 and text == f"{{{names[0]}}}":
        return values[names[0]]
    return _BRACES.sub(lambda found: str(values[found[1]]) if found[1] else found[0], text)


def _mistake(name: str, values: Mapping[str, TemplateValue]) -> str:
    """What is wrong with a template; empty where nothing is."""
    if name not in values:
        return (
            f"template {{{name}}} {unknown_name(name, values)}; what is no template may stand in "
            "the job variables of the deployment itself"
        )
    if values[name] is None:
        return f"template {{{name}}} needs {_SET_BY.get(name, name)}, which is not set"
    return ""
