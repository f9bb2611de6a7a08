# SPDX-License-Identifier: Apache-2.0
"""The host's side of network tests: servers on its loopback, and what a guest
does to get an address."""

import hashlib
import http.server
import queue
import random
import socket
import socketserver
import threading

from linux import machine

PATIENCE_S = machine.PATIENCE_S

# In a guest: an address for eth0 by DHCP, and where to ask for names.
DHCP = """
cat >/tmp/dhcp <<'END'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add $ip/$mask dev $interface
ip route add default via $router
echo nameserver $dns >/etc/resolv.conf
END
chmod +x /tmp/dhcp
ip link set lo up
ip link set eth0 up
udhcpc -i eth0 -n -q -s /tmp/dhcp
"""


def pattern(size, seed=1):
    return random.Random(seed).randbytes(size)


def digest(data):
    return hashlib.sha256(data).hexdigest()


def free_port(kind=socket.SOCK_STREAM):
    """None of those that hosts give to whoever asks for any: it stays free."""
    while True:
        with socket.socket(socket.AF_INET, kind) as s:
            try:
                s.bind(("127.0.0.1", random.SystemRandom().randrange(10000, 32000)))
                return s.getsockname()[1]
            except OSError:
                pass


class Server(socketserver.ThreadingTCPServer):
    """Answers each connection with `serve(socket)`, on a thread of its own."""

    allow_reuse_address = daemon_threads = True
    request_queue_size = 128

    def __init__(self, serve):
        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                serve(self.request)

        super().__init__(("127.0.0.1", 0), Handler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def handle_error(self, *_):
        pass  # what a test does to its connections


class Taker(Server):
    """Takes all that each connection sends, to be had by get()."""

    def __init__(self):
        self.taken = queue.Queue()
        super().__init__(lambda s: self.taken.put(read_all(s)))

    def get(self):
        return self.taken.get(timeout=PATIENCE_S)


class Files(http.server.ThreadingHTTPServer):
    """Gives and takes files by HTTP: {path: bytes}."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, files):
        self.files = files
        self.taken = {}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                data = self.server.files.get(self.path)
                self.send_response(404 if data is None else 200)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

            def do_POST(self):
                size = int(self.headers["Content-Length"])
                self.server.taken[self.path] = self.rfile.read(size)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


def read_all(s):
    parts = []
    while part := s.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def ask(port, text=b"", timeout=PATIENCE_S):
    """Sends to a port of the loopback, and reads to the end."""
    with socket.create_connection(("127.0.0.1", port), timeout) as s:
        s.sendall(text)
        return read_all(s)
