"""A plug-in for prefect-tuner."""
