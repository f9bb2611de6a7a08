# SPDX-License-Identifier: Apache-2.0
"""What the API costs: a process until its socket is there, and the answers to
GETs while a guest keeps every CPU busy."""

import json
import os
import re
import socket
import statistics
import subprocess
import tempfile
import threading
import time

from bench_run import WORDS, Trouble

CLIENTS = 4       # what stays of ten connections for others
GETS = 2000       # each of them
PATHS = ("/", "/version", "/vm/config", "/machine-config")

# What is measured, its unit, and what it shall be below.
ROWS = [
    ("start_ms", "CPU from the start of the process to its socket", "ms", 8),
    ("resident_mib", "resident before InstanceStart", "MiB", 3),
    ("get_p50_ms", "GET while a guest runs, median", "ms", None),
    ("get_p99_ms", "GET while a guest runs, 99 of 100", "ms", 5),
]


def connect(path):
    end = time.monotonic() + 20
    while True:
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(path)
            sock.settimeout(20)
            return sock
        except (FileNotFoundError, ConnectionRefusedError):
            sock.close()
            if time.monotonic() > end:
                raise Trouble("squib opened no API socket") from None
            time.sleep(0.001)


def request(sock, method, path, body=None):
    text = json.dumps(body) if body is not None else ""
    length = f"Content-Length: {len(text)}\r\n" if text else ""
    sock.sendall(f"{method} {path} HTTP/1.1\r\n{length}\r\n{text}".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += sock.recv(65536)
    head, _, got = answer.partition(b"\r\n\r\n")
    wanted = re.search(rb"Content-Length: (\d+)", head)
    while wanted and len(got) < int(wanted[1]):
        got += sock.recv(65536)
    return int(head.split()[1]), got


def must(sock, method, path, body):
    status, text = request(sock, method, path, body)
    if status != 204:
        raise Trouble(f"{method} {path}: {text.decode()}")


def cpu_ms(pid):
    tasks = f"/proc/{pid}/task"
    return sum(int(open(f"{tasks}/{t}/schedstat").read().split()[0])
               for t in os.listdir(tasks)) / 1e6


def resident_mib(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmRSS:\s*(\d+)", f.read())[1]) / 1024


def time_gets(path, times):
    sock = connect(path)
    mine = []
    for n in range(GETS):
        start = time.monotonic()
        status, _ = request(sock, "GET", PATHS[n % len(PATHS)])
        mine.append(time.monotonic() - start)
        if status != 200:
            raise Trouble(f"GET {PATHS[n % len(PATHS)]}: {status}")
    sock.close()
    times.extend(mine)


def busy_guest(sock, kernel, initrd):
    """Two vCPUs with work for longer than the measurement takes."""
    words = f"{WORDS} bench.scale=100000 bench.rounds=1 bench.rows=mutex_2"
    must(sock, "PUT", "/machine-config",
         {"vcpu_count": 2, "mem_size_mib": 256})
    must(sock, "PUT", "/boot-source", {"kernel_image_path": kernel,
                                       "initrd_path": initrd,
                                       "boot_args": words})
    must(sock, "PUT", "/actions", {"action_type": "InstanceStart"})


def measure(squib, kernel, initrd):
    """One process from its start to its end: a value for each of ROWS."""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "api.sock")
        process = subprocess.Popen(
            [squib, "--api-sock", path, "--log-path", "/dev/null"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        try:
            sock = connect(path)
            start, resident = cpu_ms(process.pid), resident_mib(process.pid)
            busy_guest(sock, kernel, initrd)
            threads = [threading.Thread(target=time_gets, args=(path, times))
                       for _ in range(CLIENTS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            process.kill()
            process.wait()
    if len(times) != CLIENTS * GETS:
        raise Trouble("some GETs failed")
    times.sort()
    return {"start_ms": start, "resident_mib": resident,
            "get_p50_ms": statistics.median(times) * 1e3,
            "get_p99_ms": times[len(times) * 99 // 100] * 1e3}


def table(runs):
    """Heads and lines; the limit beside each figure that has one."""
    lines = [["what", "measured", "limit"]]
    for key, what, unit, limit in ROWS:
        value = statistics.median(run[key] for run in runs)
        lines.append([what, f"{value:.2f} {unit}",
                      f"{limit} {unit}" if limit else "-"])
    return lines
