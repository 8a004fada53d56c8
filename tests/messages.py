"""What users are told in more than one test, each message once.

A name says what is told. A text stands where a test holds the message word for word, a pattern
where it holds only what a user needs of it.
"""

from __future__ import annotations

import re

# flows/run: why a trial or a study was stopped.
STOPPED_WHILE_IT_RAN = "the study was stopped while the trial ran"
STOPPED_BEFORE_IT_STARTED = "the study was stopped before the trial started"
STOPPED_BEFORE_IT_WAS_TRIED_AGAIN = "the study was stopped before the trial was tried again"
FLOW_RUN_IS_TO_BE_SUSPENDED = "the flow run is to be suspended"
STREAM_WAS_CLOSED = "the stream of its events was closed"

# flows: how a study ended without a result.
NO_TRIAL_HAS_A_METRIC = "no trial has a metric"
TRIAL_0_RAISED = "trial 0 failed: ValueError: singular matrix"
TRIAL_1_RAISED = "trial 1 failed: ValueError: singular matrix"

# flows/commands: what was found when a study was interrupted.
ONE_TRIAL_FINISHED = "1 trial finished; best metric so far 0.5 (trial 0)"

# flows/storage
HELD_BY_BRAVE_OTTER = re.compile(r"\bheld by .*'brave-otter' \(process \d")
LEDGER_WAS_CHANGED = re.compile(r"changed or removed by somebody else")

# tasks
EACH_TRIAL_IMPORTS = re.compile(r"\beach trial imports the objective\b", re.IGNORECASE)

# goal and strategies: a pattern, which what was given is to follow.
DIRECTION_IS_WRONG = r"direction: must be .*'maximize'.*'minimize'.* "

# strategies/gaussian_process: the cause comes last.
MODEL_CANNOT_BE_COMPUTED = re.compile(r"The model cannot be computed, .*\bdensities: ")
