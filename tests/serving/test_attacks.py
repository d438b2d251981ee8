"""What must be refused, with a clear error, while the service lives on."""

import json
import signal
import socket
import time

import pytest
from served import JSON, TOKEN, serving, write_version

BEARER = {"authorization": f"Bearer {TOKEN}"}
RANK = {"history": ["i1"], "candidates": ["i2", "i3"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_version(tmp_path_factory.mktemp("artifact") / "1")


@pytest.fixture(scope="module")
def served(folder, tmp_path_factory):
    root = tmp_path_factory.mktemp("attacked")
    with serving(folder, root / "log", "--state", root / "state") as served:
        yield served
        assert served.ask("POST", "/rank", RANK)[0] == 200
        assert served.stop() == 0


BODIES = {
    "nothing": b"",
    "no JSON": b"history=i1",
    "half": b'{"history": ["i1"',
    "two values": b"{} {}",
    "not UTF-8": b'{"history": ["\xff"], "candidates": []}',
    "half a surrogate pair": b'{"history": ["\\ud800"], "candidates": []}',
    "NaN": b'{"history": [], "candidates": ["i1"], "k": NaN}',
    "NaN in a list": b'{"history": [NaN], "candidates": ["i1"]}',
    "infinity": b'{"candidates": [-Infinity]}',
    "a number too large": b'{"candidates": [1e999]}',
    "deep lists": b"[" * 200_000 + b"]" * 200_000,
    "deep objects": b'{"history":' * 50_000 + b"1" + b"}" * 50_000,
    "deep inside": b'{"candidates": ["i1"], "history": ' + b"[" * 900 + b"]" * 900 + b"}",
    "a text for a list": b'{"history": "i1", "candidates": ["i1"]}',
    "numbers for ids": b'{"history": [1, 50], "candidates": ["i1"]}',
    "null for ids": b'{"history": [null], "candidates": ["i1"]}',
    "an object for ids": b'{"candidates": {"i1": 1}}',
    "no candidates": b'{"history": ["i1"]}',
    "an unknown key": b'{"candidates": ["i1"], "__proto__": {}}',
    "a text": b'"i1"',
    "null": b"null",
    "a list of lists": b"[[]]",
    "an unknown candidate": b'{"candidates": ["i1", "../../etc/passwd"]}',
    "too long a history": json.dumps({"history": ["i1"] * 1001, "candidates": []}).encode(),
    "too many candidates": json.dumps({"candidates": ["i1"] * 10_001}).encode(),
    "too many requests": json.dumps([RANK] * 129).encode(),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_refused_with_its_place(served, name):
    status, answer = served.ask("POST", "/rank", BODIES[name])
    assert status == 422
    assert set(answer["error"]) == {"where", "found", "expected", "do"}
    assert answer["error"]["where"]
    assert answer["error"]["found"]
    assert served.ask("GET", "/health") == (200, {"status": "ok"})


def test_the_place_of_a_fault_is_named(served):
    body = [RANK, {"history": ["i1", 7], "candidates": []}]
    error = served.ask("POST", "/rank", body)[1]["error"]
    assert (error["where"], error["found"]) == ("[1].history[1]", "a number")


@pytest.mark.parametrize("k", ["3", 0, -1, 1.5, True, None, 10**30, 61])
def test_k_must_be_a_number_that_the_catalogue_can_give(served, k):
    status, answer = served.ask("POST", "/recommend", {"k": k})
    assert status == 422
    assert answer["error"]["where"] in ("k", "body")


ITEMS = {
    "both": {"text": "a", "fields": {"title": "a"}},
    "neither": {},
    "a number": {"text": 5},
    "a number in a field": {"fields": {"title": 5}},
    "fields that the template does not read": {"fields": {"name": "a"}},
    "fields as a list": {"fields": ["title"]},
    "too long": {"text": "a" * 10_001},
    "too many fields": {"fields": {f"title{place}": "a" for place in range(101)}},
}


@pytest.mark.parametrize("name", ITEMS)
def test_a_bad_item_is_refused_and_not_stored(served, name):
    assert served.ask("PUT", "/items/bad", ITEMS[name])[0] == 422
    assert served.ask("DELETE", "/items/bad")[0] == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/items/../../etc/passwd", 404),
        ("/items/a/b", 404),
        ("/items/", 404),
        ("/items/%ff%fe", 422),
        ("/items/" + "a" * 1025, 422),
        ("/items/..%2F..%2Fetc%2Fpasswd", 200),  # an id like any other: it is never a path
        ("/items/%00", 200),
        ("/items/'; DROP TABLE updates; --".replace(" ", "%20"), 200),
        ("/page.js/../../app.py", 404),
        ("/%2e%2e/app.py", 404),
        ("/serving/app.py", 404),
    ],
)
def test_tricks_in_paths_lead_nowhere(served, path, status):
    method = "PUT" if path.startswith("/items") else "GET"
    assert served.ask(method, path, {"text": "red cat"} if method == "PUT" else None)[0] == status
    if status == 200:
        assert served.ask("DELETE", path)[0] == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_ten_megabytes_is_refused_before_it_is_all_there(served, chunked):
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
        size = b"transfer-encoding: chunked" if chunked else b"content-length: 10000000"
        head = b"POST /rank HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer %s\r\n" % TOKEN.encode()
        connection.sendall(head + b"content-type: application/json\r\n" + size + b"\r\n\r\n")
        part = b"[" + b" " * 65_535
        # Less than all of it: who waits for the rest before answering would wait for ever.
        for _ in range(24):
            try:
                connection.sendall(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
            except OSError:
                break
        try:
            answer = connection.recv(4096)
        except ConnectionResetError:
            answer = b"HTTP/1.1 413"
    assert answer.startswith(b"HTTP/1.1 413")
    status, refused = served.ask("POST", "/rank", b"[" + b" " * 1_000_000 + b"]")
    assert status == 413
    assert refused["error"]["expected"] == "at most 1,000,000 bytes"


def test_an_endless_head_ends_the_connection(served):
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\nx: ")
        try:
            for _ in range(64):
                connection.sendall(b"a" * 16_384)
            answer = connection.recv(4096)
        except (ConnectionResetError, BrokenPipeError):
            answer = b""
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("path", ["/rank", "/recommend", "/teacher/recommend", "/reload", "/metrics", "/catalogue"])
@pytest.mark.parametrize("header", [None, "", "Bearer ", "Bearer wrong", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
def test_without_the_token_nothing_is_answered(served, path, header):
    headers = JSON if header is None else {**JSON, "authorization": header}
    method = "GET" if path in ("/metrics", "/catalogue") else "POST"
    status, answer = served.ask(method, path, RANK if method == "POST" else None, headers)
    assert status == 401
    assert TOKEN not in json.dumps(answer)


def test_health_and_documentation_need_no_token(served):
    assert served.ask("GET", "/health", headers={}) == (200, {"status": "ok"})
    assert served.ask("GET", "/ready", headers={}) == (200, {"status": "ready"})
    assert "/rank" in served.ask("GET", "/openapi.json", headers={})[1]["paths"]
    status, headers, page = served.ask_raw("GET", "/docs", headers={})
    assert status == 200
    assert b"/recommend" in page
    assert b"<script" not in page
    assert "default-src 'none'" in headers["content-security-policy"]


def test_another_type_than_json_is_refused(served):
    for kind in ({}, {"content-type": "text/plain"}, {"content-type": "application/x-www-form-urlencoded"}):
        assert served.ask("POST", "/rank", RANK, {**BEARER, **kind})[0] == 415
    assert served.ask("POST", "/rank", RANK, {**BEARER, "content-type": "application/json; charset=utf-8"})[0] == 200


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/rank", 405), ("POST", "/nowhere", 404)])
def test_unknown_paths_and_methods_have_errors_of_the_same_form(served, method, path, status):
    found, answer = served.ask(method, path)
    assert found == status
    assert set(answer["error"]) == {"where", "found", "expected", "do"}


def test_without_a_token_only_this_machine_is_served_and_only_under_its_own_names(folder, tmp_path, cli):
    with serving(folder, tmp_path / "log", token=None) as served:
        assert served.ask("POST", "/rank", RANK)[0] == 200
        for host, status in (("localhost", 200), (f"127.0.0.1:{served.port}", 200), ("rebound.example", 403)):
            assert served.ask("POST", "/rank", RANK, {**JSON, "host": host})[0] == status
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        done = cli("serve", folder, "--host", host)
        assert done.returncode == 2
        assert "DISTILL_REC_TOKEN" in done.stderr
    done = cli("serve", folder, env={"DISTILL_REC_TOKEN": " "})
    assert done.returncode == 2


def test_sigterm_finishes_what_was_accepted(folder, tmp_path):
    body = json.dumps(RANK).encode()
    with serving(folder, tmp_path / "log", token=None) as served:
        with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
            head = b"POST /rank HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            connection.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body[:10])
            while served.ask("GET", "/health")[0] != 200:
                time.sleep(0.01)
            served.process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            connection.sendall(body[10:])
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        assert served.process.wait(30) == 0
        assert served.lines()[-1]["event"] == "stopped"


def test_logs_hold_no_user_data(folder, tmp_path):
    with serving(folder, tmp_path / "log", "--state", tmp_path / "state", "--access-log") as served:
        served.ask("PUT", "/items/private-id", {"text": "private-text"})
        served.ask("PUT", "/items/private-id", {"fields": {"private-field": "a"}})
        served.ask("POST", "/rank", {"history": ["private-id"], "candidates": ["private-candidate"]})
        served.ask("GET", "/private-path?q=private-query")
        served.stop()
        assert [line["status"] for line in served.lines() if line.get("route") == "/items/{id}"] == [200, 422]
        assert "private" not in served.log.read_text("utf-8")
        assert TOKEN not in served.log.read_text("utf-8")
