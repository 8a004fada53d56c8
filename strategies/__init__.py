"""Search strategies and their factory."""
