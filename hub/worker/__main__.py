"""`python -m hub.worker` runs a worker, `python -m hub.worker scheduler` the scheduler alone."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from hub.bootstrap import SLOTS, build_worker
from hub.config import Settings
from hub.config.logs import configure_logs
from hub.errors import HubError
from hub.worker.bell import make_bell
from hub.worker.run import exit_code, run_scheduler, run_worker

PORT_VARIABLES = {"worker": "HOUSING_HUB_WORKER_PORT", "scheduler": "HOUSING_HUB_SCHEDULER_PORT"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the process the arguments ask for; its exit code."""
    asked = _parse(arguments)
    try:
        settings = Settings()
        bell, health_port = make_bell(settings.broker_url, lasting=True), asked.health_port
    except HubError as error:
        print(error, file=sys.stderr)  # noqa: T201  # there is no log yet
        return exit_code(error)
    configure_logs(settings.log_level)
    if asked.process == "scheduler":
        return run_scheduler(lambda: build_worker(settings, bell=bell), health_port=health_port)
    return run_worker(
        lambda: build_worker(settings, bell=bell),
        queues=tuple(SLOTS),
        broker_url=settings.broker_url,
        health_port=health_port,
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m hub.worker", description=__doc__)
    parser.add_argument("process", nargs="?", choices=tuple(PORT_VARIABLES), default="worker")
    parser.add_argument(
        "--health-port",
        type=int,
        help="serve /healthz, /readyz and /metrics on this port of 127.0.0.1 (0: any); without it, the port in "
        + " or ".join(PORT_VARIABLES.values()),
    )
    asked = parser.parse_args(arguments)
    if asked.health_port is None and (given := os.environ.get(PORT_VARIABLES[asked.process])):
        if not given.isdigit():
            parser.error(f"{PORT_VARIABLES[asked.process]} is no port number")
        asked.health_port = int(given)
    return asked


if __name__ == "__main__":
    sys.exit(main())
