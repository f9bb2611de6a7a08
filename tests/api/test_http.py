# SPDX-License-Identifier: Apache-2.0
"""The bytes on the socket."""

import os
import socket
import stat
import subprocess
import time

import pytest

import guests

HEAD = "Server: Firecracker API\r\nConnection: keep-alive\r\n"
VERSION = '{"firecracker_version":"1.17.0-dev"}'
VERSION_ANSWER = (
    f"HTTP/1.1 200 \r\n{HEAD}Content-Type: application/json\r\n"
    f"Content-Length: {len(VERSION)}\r\n\r\n{VERSION}"
)
DROPPED = "\nAll previous unanswered requests will be dropped."


def error(text):
    body = f'{{ "error": "{text}{DROPPED}" }}'
    return (
        f"HTTP/1.1 400 \r\n{HEAD}Content-Type: application/json\r\n"
        f"Content-Length: {len(body.encode())}\r\n\r\n{body}"
    )


def read(sock, count):
    got = b""
    while len(got) < count:
        more = sock.recv(count - len(got))
        if not more:
            break
        got += more
    return got.decode()


def silent(sock, seconds=0.15):
    sock.settimeout(seconds)
    try:
        return sock.recv(1) == b"x"  # closed is not silent
    except socket.timeout:
        return True


def expect(sock, sent, answer):
    sock.sendall(sent.encode() if isinstance(sent, str) else sent)
    assert read(sock, len(answer.encode())) == answer


def test_a_get_to_the_byte(vmm):
    expect(vmm.raw(), "GET /version HTTP/1.1\r\n\r\n", VERSION_ANSWER)


def test_a_put_to_the_byte(vmm):
    body = '{"vcpu_count":2,"mem_size_mib":256}'
    expect(
        vmm.raw(),
        f"PUT /machine-config HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n{body}",
        f"HTTP/1.1 204 \r\n{HEAD}\r\n",
    )


@pytest.mark.contract(4)
def test_the_deprecation_header_is_before_the_type(vmm):
    body = '{"vcpu_count":2,"mem_size_mib":256,"cpu_template":"None"}'
    expect(
        vmm.raw(),
        f"PUT /machine-config HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n{body}",
        f"HTTP/1.1 204 \r\n{HEAD}Deprecation: true\r\n\r\n",
    )


def test_the_answer_to_http_1_0_is_1_1(vmm):
    sock = vmm.raw()
    expect(sock, "GET /version HTTP/1.0\r\nConnection: close\r\n\r\n", VERSION_ANSWER)
    assert silent(sock), "it must stay open"


def test_requests_may_come_byte_by_byte(vmm):
    sock = vmm.raw()
    for byte in b"GET /version HTTP/1.1\r\nHost: x\r\nX: y\r\n":
        sock.sendall(bytes([byte]))
    expect(sock, "\r\n", VERSION_ANSWER)


@pytest.mark.parametrize("uri", ["/version", "/version/", "//version", "/version/x/y",
                                 "http://localhost/version"])
def test_paths_that_are_the_same(vmm, uri):
    expect(vmm.raw(), f"GET {uri} HTTP/1.1\r\n\r\n", VERSION_ANSWER)


def test_pipelined_requests_are_answered_in_order(vmm):
    body = '{"vcpu_count":2,"mem_size_mib":256}'
    put = f"PUT /machine-config HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    get = "GET /version HTTP/1.1\r\n\r\n"
    expect(
        vmm.raw(),
        get + put + get,
        VERSION_ANSWER + f"HTTP/1.1 204 \r\n{HEAD}\r\n" + VERSION_ANSWER,
    )


@pytest.mark.parametrize(
    "request_, text",
    [
        ("POST / HTTP/1.1\r\n", "Invalid HTTP Method: Unsupported HTTP method."),
        ("HEAD / HTTP/1.1\r\n", "Invalid HTTP Method: Unsupported HTTP method."),
        ("get / HTTP/1.1\r\n", "Invalid HTTP Method: Unsupported HTTP method."),
        ("GET / HTTP/2.0\r\n", "Invalid HTTP Version: Unsupported HTTP version."),
        ("GET / HTTP/0.9\r\n", "Invalid HTTP Version: Unsupported HTTP version."),
        ("GET  HTTP/1.1\r\n", "Invalid URI: Empty URI not allowed."),
        (b"GET /\xff HTTP/1.1\r\n", "Invalid URI: Cannot parse URI as UTF-8."),
        ("GET\r\n", "Invalid request."),
        ("\r\n", "Invalid request."),
        ("GET /" + "x" * 1019, "Invalid request."),
        ("GET / HTTP/1.1\r\nHost\r\n",
         "Invalid header. Reason: Header is incorrectly formatted. Key: Host"),
        ("PUT / HTTP/1.1\r\nContent-Length: five\r\n",
         "Invalid header. Reason: Invalid value. Key:Content-Length; Value: five"),
        ("PUT / HTTP/1.1\r\ncontent-length:-1\r\n",
         "Invalid header. Reason: Invalid value. Key:content-length; Value:-1"),
        ("PUT / HTTP/1.1\r\nContent-Length: 4294967296\r\n",
         "Invalid header. Reason: Invalid value. Key:Content-Length; Value: 4294967296"),
        ("GET / HTTP/1.1\r\nAccept-Encoding: identity;q=0\r\n",
         "Invalid header. Reason: Invalid value. Key:Accept-Encoding; Value:identity;q=0"),
        ("GET / HTTP/1.1\r\nAccept-Encoding: gzip, *;q=0\r\n",
         "Invalid header. Reason: Invalid value. Key:Accept-Encoding; Value: *;q=0"),
        ("PUT / HTTP/1.1\r\nContent-Length: 51201\r\n\r\n",
         "Request payload with size 51201 is larger than the limit of 51200 allowed by server."),
    ],
)
@pytest.mark.contract(22)
def test_errors_of_the_http_layer(vmm, request_, text):
    expect(vmm.raw(), request_, error(text))


def test_a_header_that_is_too_long(vmm):
    line = "X: " + "y" * 1021
    sock = vmm.raw()
    sock.sendall(b"GET / HTTP/1.1\r\n")
    time.sleep(0.05)
    expect(sock, line, error(f"Invalid header. Reason: Invalid content length. Header: {line}"))


def test_an_error_drops_the_requests_read_with_it(vmm):
    sock = vmm.raw()
    expect(
        sock,
        "GET /version HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\n\r\n",
        error("Invalid HTTP Method: Unsupported HTTP method."),
    )
    assert silent(sock), "the connection stays open, the first one has no answer"
    sock.settimeout(guests.PATIENCE_S)
    expect(sock, "GET /version HTTP/1.1\r\n\r\n", VERSION_ANSWER)


def test_after_a_header_error_a_line_is_read_as_a_header(vmm):
    sock = vmm.raw()
    expect(sock, "GET / HTTP/1.1\r\nbad\r\n",
           error("Invalid header. Reason: Header is incorrectly formatted. Key: bad"))
    expect(sock, "GET /version HTTP/1.1\r\n\r\n",
           error("Invalid header. Reason: Header is incorrectly formatted. "
                 "Key: GET /version HTTP/1.1"))


def test_what_follows_a_body_is_the_next_request(vmm):
    body = '{"vcpu_count":2,"mem_size_mib":256}'
    put = f"PUT /machine-config HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    sock = vmm.raw()
    expect(sock, put + "GET /ver", f"HTTP/1.1 204 \r\n{HEAD}\r\n")
    expect(sock, "sion HTTP/1.1\r\n\r\n", VERSION_ANSWER)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_expect_100_continue(vmm, version):
    body = '{"vcpu_count":2,"mem_size_mib":256}'
    sock = vmm.raw()
    expect(
        sock,
        f"PUT /machine-config HTTP/{version}\r\nExpect: 100-continue\r\n"
        f"Content-Length: {len(body)}\r\n\r\n",
        f"HTTP/{version} 100 \r\n{HEAD}\r\n",
    )
    expect(sock, body, f"HTTP/1.1 204 \r\n{HEAD}\r\n")


def test_what_a_header_may_say(vmm):
    expect(
        vmm.raw(),
        "GET /version HTTP/1.1\r\nAccept: image/png\r\nTransfer-Encoding: what\r\n"
        "Expect: 200\r\nContent-Type: text/html\r\nX-Unknown: y\r\n"
        "ACCEPT-ENCODING: identity, *;q=0\r\ncontent-length : +0\r\n\r\n",
        VERSION_ANSWER,
    )


@pytest.mark.parametrize("limit", [250, 50])
@pytest.mark.contract(22)
def test_the_limit_can_be_set(spawn, limit):
    vmm = spawn("--http-api-max-payload-size", limit)
    text = f"Request payload with size 260 is larger than the limit of {limit} allowed by server."
    expect(vmm.raw(), "PUT /mmds/config HTTP/1.1\r\nContent-Length: 260\r\n\r\nsome body",
           error(text))


@pytest.mark.contract(19)
def test_a_long_body_comes_in_many_pieces(vmm):
    filler = "x" * 51137
    body = f'{{"k":"{filler}"}}'
    sock = vmm.raw()
    sock.sendall(f"PUT /mmds HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode())
    for n in range(0, len(body), 777):
        sock.sendall(body[n : n + 777].encode())
    expect(sock, "", f"HTTP/1.1 204 \r\n{HEAD}\r\n")
    assert vmm.get("/mmds").json == {"k": filler}


def test_a_half_closed_request_is_not_done(vmm):
    body = '{"vcpu_count":7,"mem_size_mib":256}'
    sock = vmm.raw()
    sock.sendall(f"PUT /machine-config HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode())
    time.sleep(0.05)
    sock.shutdown(socket.SHUT_WR)
    assert sock.recv(1) == b""
    assert vmm.get("/machine-config").json["vcpu_count"] == 1


def is_served(vmm):
    """Not before the server has seen that another one has gone."""
    sock = vmm.raw()
    try:
        sock.sendall(b"GET /version HTTP/1.1\r\n\r\n")
        return read(sock, len(VERSION_ANSWER)) == VERSION_ANSWER
    except (BrokenPipeError, ConnectionResetError):
        return False


def test_the_eleventh_connection(vmm):
    socks = [vmm.raw() for _ in range(10)]
    for sock in socks:
        expect(sock, "GET /version HTTP/1.1\r\n\r\n", VERSION_ANSWER)
    extra = vmm.raw()
    want = (
        "HTTP/1.1 503\r\nServer: Firecracker API\r\nConnection: close\r\n"
        'Content-Length: 40\r\n\r\n{ "error": "Too many open connections" }'
    )
    assert read(extra, 1000) == want
    socks[3].close()
    vmm.wait_for(lambda: is_served(vmm))


def test_a_body_that_does_not_come_holds_nobody_up(vmm):
    slow = vmm.raw()
    slow.sendall(b"PUT /mmds HTTP/1.1\r\nContent-Length: 10\r\n\r\n{")
    expect(vmm.raw(), "GET /version HTTP/1.1\r\n\r\n", VERSION_ANSWER)
    assert silent(slow)


def test_the_socket_is_its_owners(vmm):
    assert stat.S_IMODE(os.stat(vmm.sock).st_mode) == 0o600


def run(squib_path, path):
    done = subprocess.run([str(squib_path), "--api-sock", str(path)], timeout=guests.PATIENCE_S,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.returncode, done.stdout


@pytest.mark.contract(1)
def test_a_socket_in_use(vmm, squib_path):
    code, log = run(squib_path, vmm.sock)
    assert code == 1
    text = f"Failed to open the API socket at: {vmm.sock}. Check that it is not already used."
    assert text in log
    assert "A process listens on it" in log


@pytest.mark.contract(1)
def test_a_stale_socket_names_the_fix(vmm, squib_path):
    vmm.process.kill()
    vmm.process.wait()
    code, log = run(squib_path, vmm.sock)
    assert code == 1
    assert "Check that it is not already used." in log
    assert f"rm {vmm.sock}" in log
    assert os.path.exists(vmm.sock)


def names_in(tasks):
    names = set()
    for task in os.listdir(tasks):
        try:
            with open(f"{tasks}/{task}/comm", encoding="utf-8") as file:
                names.add(file.read().strip())
        except OSError:
            pass  # it has ended
    return names


@pytest.mark.contract(20)
def test_the_threads_have_upstreams_names(vmm):
    vmm.boot()
    tasks = f"/proc/{vmm.process.pid}/task"
    if not os.path.isdir(tasks):
        pytest.skip("no /proc here")
    vmm.wait_for(lambda: {"fc_api", "fc_vcpu 0"} <= names_in(tasks))


def log_of_the_end(squib_path, *args):
    result = subprocess.run([squib_path, *map(str, args)], stdin=subprocess.DEVNULL,
                            capture_output=True, timeout=guests.PATIENCE_S)
    assert result.returncode == 1, result
    return result.stdout.decode()


@pytest.mark.contract(1)
def test_a_socket_that_cannot_be(squib_path, tmp_path):
    start = "RunWithApiError error: Failed to bind and run the HTTP server: IO error: "
    log = log_of_the_end(squib_path, "--api-sock", tmp_path / "no" / "s")
    assert start + "No such file or directory (os error 2)" in log
    log = log_of_the_end(squib_path, "--api-sock", "/tmp/" + "x" * 108)
    assert start + "path must be shorter than SUN_LEN" in log
    log = log_of_the_end(squib_path, "--api-sock", "")
    assert start + "No such file or directory (os error 2): the path is empty" in log


@pytest.mark.parametrize("flag", ["--config-file", "--metadata"])
def test_a_file_that_cannot_be_read_leaves_no_socket(squib_path, tmp_path, flag):
    sock = tmp_path / "s"
    assert "Unable to open or read from the " in log_of_the_end(
        squib_path, "--api-sock", sock, flag, tmp_path / "no")
    assert not sock.exists()
