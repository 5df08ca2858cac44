"""The bell through Celery: a message that names a queue, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from hub.errors import SettingsError
from hub.jobs import Bell, NoBell, ThreadBell

if TYPE_CHECKING:
    from celery import Celery

TASK: Final = "bell"
# A message nobody took is worth nothing later: the poll has found the work long since.
_EXPIRES_SECONDS: Final = 60


def make_bell(broker_url: str | None, *, lasting: bool = False) -> Bell:
    """The bell for a broker; without one, workers poll.

    `lasting`: of a process that lives long. It loads what ringing needs at once, so that its first ring is not late,
    and raises SettingsError for a broker nobody here knows. A command loads it with its first ring, to start quickly.
    """
    if not broker_url:
        return NoBell()
    publisher = _Publisher(broker_url)
    if lasting:
        publisher.load()
    return ThreadBell(publisher)


def celery_queue(queue: str) -> str:
    """The broker's queue for one of ours: a broker may serve others too."""
    return f"housing-hub.{queue}"


def make_app(broker_url: str) -> Celery:
    """The Celery application. It keeps no result and acknowledges at once: nothing is lost with a message.

    SettingsError for a broker nobody here knows.
    """
    from celery import Celery

    app = Celery("housing-hub", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_ignore_result=True,
        task_default_queue=celery_queue("bell"),
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=1,
        broker_transport_options=_transport_options(broker_url),
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_prefetch_multiplier=1,
        enable_utc=True,
    )
    try:
        app.connection_for_write().transport_cls  # noqa: B018  # finds and imports the transport; connects nowhere
    except (KeyError, ImportError) as error:
        raise SettingsError(
            f"HOUSING_HUB_BROKER_URL: {error.args[0]}",
            hint="write redis://…, amqp://… or another broker of Celery's, and install the package that one needs",
        ) from error
    return app


def _transport_options(broker_url: str) -> dict[str, Any]:
    """A broker that is away must be noticed soon. Other transports refuse options they do not know."""
    if broker_url.split("+")[0].split(":")[0] in ("redis", "rediss", "sentinel", "valkey"):
        return {"socket_connect_timeout": 0.3, "socket_timeout": 5, "max_retries": 1}
    return {}


class _Publisher:
    """Publishes from the bell's thread. A connection the broker has dropped meanwhile is replaced, once."""

    def __init__(self, broker_url: str) -> None:
        self._broker_url = broker_url
        self._send: Callable[..., Any] | None = None

    def __call__(self, queue: str) -> None:
        self.load()(
            TASK,
            args=(queue,),
            queue=celery_queue(queue),
            expires=_EXPIRES_SECONDS,
            retry=True,
            retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0},
        )

    def load(self) -> Callable[..., Any]:
        """Import Celery and what it publishes with."""
        if self._send is None:
            app = make_app(self._broker_url)
            app.amqp  # noqa: B018  # loaded when first asked for
            self._send = app.send_task
        return self._send
