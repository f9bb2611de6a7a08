# SPDX-License-Identifier: Apache-2.0
"""HTTP to the API's socket."""

import http.client
import socket
import time

import guests


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=guests.PATIENCE_S)
        self.path = str(path)

    def connect(self):
        self.sock = connect(self.path)


def connect(path):
    """A socket's file is there before anybody listens."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(guests.PATIENCE_S)
    end = time.monotonic() + guests.PATIENCE_S
    while True:
        try:
            sock.connect(str(path))
            return sock
        except (ConnectionRefusedError, FileNotFoundError):
            if time.monotonic() > end:
                raise
            time.sleep(0.01)
