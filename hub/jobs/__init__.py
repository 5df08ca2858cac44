"""Work that must not be lost: the database is the truth, the broker is a bell. Knows no service."""

from hub.jobs.bell import Bell, NoBell, ThreadBell
from hub.jobs.loop import Alarm, drain, poll_and_run
from hub.jobs.retry import BackOff
from hub.jobs.runtime import Handler, Job, JobRuntime, LeaseLostError, WorkerParts, finish, put_off
from hub.jobs.scheduler import RUN_KIND, RUN_ORDER_KEY, RUN_QUEUE, tick

__all__ = [
    "RUN_KIND",
    "RUN_ORDER_KEY",
    "RUN_QUEUE",
    "Alarm",
    "BackOff",
    "Bell",
    "Handler",
    "Job",
    "JobRuntime",
    "LeaseLostError",
    "NoBell",
    "ThreadBell",
    "WorkerParts",
    "drain",
    "finish",
    "poll_and_run",
    "put_off",
    "tick",
]
