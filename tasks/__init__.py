"""One trial: the Prefect task, and the child process that runs the objective."""
