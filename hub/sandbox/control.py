"""The way to a running sandbox from another process: a socket only its owner may open, one JSON line each way."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

from hub.embedded.sockets import socket_dir
from hub.errors import AskError, HubError, InvalidAskError, NotFoundError

Answer = Callable[[dict[str, Any]], Any]
_NAME = "control.sock"
_MAX_LINE = 64 * 1024
_TALK_SECONDS = 10.0
_ANSWER_SECONDS = 300.0  # a month of nights may have to pass
_log = logging.getLogger("hub.sandbox.control")


class Control:
    """Answers orders, one at a time, until closed."""

    def __init__(self, folder: Path, answer: Answer) -> None:
        self._path, self._answer = socket_dir(folder) / _NAME, answer
        # Whoever holds the folder's lock may take the place of a killed one's socket.
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(self._path))
        self._path.chmod(0o600)
        self._socket.listen(8)
        self._thread = Thread(target=self._serve, name="sandbox-control", daemon=True)
        self._is_open = True
        self._thread.start()

    def close(self) -> None:
        self._is_open = False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wake:
            wake.connect(str(self._path))
        self._thread.join(_TALK_SECONDS)
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _serve(self) -> None:
        while True:
            caller, _ = self._socket.accept()
            with caller:
                if not self._is_open:
                    return
                self._talk(caller)

    def _talk(self, caller: socket.socket) -> None:
        caller.settimeout(_TALK_SECONDS)
        try:
            caller.sendall(self._reply(_line(caller)))
        except (OSError, ValueError):
            _log.debug("a caller left")

    def _reply(self, line: bytes) -> bytes:
        try:
            said: dict[str, Any] = {"said": self._answer(json.loads(line))}
        except HubError as error:
            said = {"error": error.message, "hint": error.hint, "is_unknown": isinstance(error, NotFoundError)}
        except Exception as error:  # noqa: BLE001  # a fault of ours must reach whoever asked, and not end the sandbox
            _log.exception("an order could not be done")
            said = {"error": f"the sandbox could not do it ({type(error).__name__})", "hint": "see its log"}
        return json.dumps(said, ensure_ascii=False).encode() + b"\n"


def tell(folder: Path, order: dict[str, Any]) -> Any:
    """Have the sandbox that serves `folder` do something; gives what it says.

    NotFoundError when none is running or it knows no such thing, InvalidAskError when it refuses.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(_ANSWER_SECONDS)
            line.connect(str(socket_dir(folder) / _NAME))
            line.sendall(json.dumps(order).encode() + b"\n")
            said = json.loads(_line(line))
    except (FileNotFoundError, ConnectionRefusedError):
        raise NotFoundError(
            f"no sandbox is running in {folder}", hint="start `make demo`, or name its --data-dir"
        ) from None
    except (OSError, ValueError) as error:
        raise InvalidAskError("the sandbox did not answer", hint="is it being stopped?") from error
    if "error" in said:
        kind: type[AskError] = NotFoundError if said.get("is_unknown") else InvalidAskError
        raise kind(said["error"], hint=said["hint"])
    return said["said"]


def _line(source: socket.socket) -> bytes:
    found = b""
    while not found.endswith(b"\n"):
        part = source.recv(4096)
        if not part or len(found) > _MAX_LINE:
            raise ValueError("no whole line")
        found += part
    return found
