"""The processes that do the work: a worker, woken by Celery and by its own poll, and the scheduler."""
