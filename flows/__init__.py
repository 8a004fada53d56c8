"""The study, the tuning flow around it, and its observers."""
