"""What follows a study: keeps its best parameters where the next training run finds them.

Deployed with a trigger (see prefect.yaml), this flow is started by the event
`prefect-tuner.study.completed`; whoever trains the model reads the Prefect variable that it sets:

    Variable.get("promoted_digits_nightly")["best_params"]
"""

import re

from prefect import flow
from prefect.logging import get_run_logger
from prefect.variables import Variable

from prefect_tuner import Params


@flow(name="promote")
def promote(study: str, best_params: Params, best_metric: float) -> str:
    """Keep the best parameters of a study in a Prefect variable.

    Args:
        study: The study's name.
        best_params: Its best parameters, of exactly the types they were tried with: those of the
            winner where the study was to confirm its best trials.
        best_metric: The metric that they reached; of a winner, its mean.

    Returns:
        The variable's name: `promoted_` and the study's name, made safe.
    """
    name = f"promoted_{re.sub('[^a-z0-9]+', '_', study.lower()).strip('_')}"
    promoted = {"study": study, "best_params": best_params, "best_metric": best_metric}
    Variable.set(name, promoted, overwrite=True)
    get_run_logger().info("Variable %r now holds %r", name, promoted)
    return name
