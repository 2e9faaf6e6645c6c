"""A real MQTT broker on loopback, where mosquitto is installed."""

from __future__ import annotations

import json
import queue
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from receivers import unused_port

# Debian puts servers where the path of a user does not look
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


class Broker:
    """Mosquitto in a process of its own; what is published under a topic can be read.

    Args:
        folder: For its settings.
        password: Of the user `sender`, who alone may connect; empty for anybody.
        port: Where it listens; any where 0.
        certificate: Certificate and key, to listen with encryption on `encrypted_port` as well.
    """

    def __init__(
        self,
        folder: Path,
        password: str = "",
        port: int = 0,
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        if MOSQUITTO is None:
            pytest.skip("mosquitto is not installed")
        self.port = port or unused_port()
        settings = folder / "mosquitto.conf"
        # started by root it would give up its rights, and could not read the files of the test
        lines = ["user root", f"listener {self.port} 127.0.0.1"]
        if password:
            users = folder / "users"
            users.write_text(f"sender:{password}\n", encoding="ascii")
            users.chmod(0o600)
            subprocess.run(["mosquitto_passwd", "-U", str(users)], check=True)
            lines += [f"password_file {users}", "allow_anonymous false"]
        else:
            lines.append("allow_anonymous true")
        self.encrypted_port = unused_port()
        if certificate is not None:
            file, key = certificate
            lines += [f"listener {self.encrypted_port} 127.0.0.1", f"certfile {file}"]
            lines += [f"keyfile {key}", "allow_anonymous true"]
        settings.write_text("\n".join(lines), encoding="ascii")
        self._settings = settings
        self._server: subprocess.Popen[bytes] | None = None
        self._password = password
        self._listeners: list[mqtt.Client] = []

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        for listener in self._listeners:
            listener.disconnect()
            listener.loop_stop()
        self.stop()

    def start(self) -> None:
        """Begin to listen."""
        assert MOSQUITTO is not None
        self._server = subprocess.Popen(
            [MOSQUITTO, "-c", str(self._settings)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
            except OSError:
                assert time.monotonic() < end, "mosquitto did not start"
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """End, as a crash would."""
        if self._server is not None:
            _end(self._server)
            self._server = None

    def listen(self, topic: str) -> queue.Queue[Any]:
        """Messages under a topic, decoded, from now on."""
        messages: queue.Queue[Any] = queue.Queue()
        subscribed = threading.Event()
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        client.on_subscribe = lambda *_: subscribed.set()
        client.on_message = lambda _, __, message: messages.put(
            (message.qos, json.loads(message.payload))
        )
        if self._password:
            client.username_pw_set("sender", self._password)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        client.subscribe(topic, qos=2)
        self._listeners.append(client)
        assert subscribed.wait(10), "the listener could not subscribe"
        return messages


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(10)
