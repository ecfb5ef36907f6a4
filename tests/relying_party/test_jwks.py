"""The key cache: what it answers while the issuer is slow, broken, rotating or lying. No test waits for a clock."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from assay_rp import FetchedJwks, FetchFailed, HttpFetcher, JwksCache, errors

URL = "https://keys.assay.example/.well-known/jwks.json"


class Issuer:
    """A fetcher whose answer, clock and threads are in the test's hand."""

    def __init__(self, document):
        self.document = document
        self.max_age = 300
        self.now = 1_000.0
        self.fetches = 0
        self.broken = False
        self.beside = []

    def __call__(self, _url):
        self.fetches += 1
        if self.broken:
            raise FetchFailed("test")
        body = self.document if isinstance(self.document, bytes) else json.dumps(self.document).encode()
        return FetchedJwks(unverified_body=body, max_age=self.max_age)

    def cache(self, **options):
        return JwksCache(url=URL, fetch=self, clock=lambda: self.now, run_beside=self.beside.append, **options)

    def run_beside(self):
        while self.beside:
            self.beside.pop()()


@pytest.fixture
def issuer(world):
    return Issuer(world.jwks())


def test_a_known_key_is_fetched_once(world, issuer):
    cache = issuer.cache()
    for _ in range(3):
        assert cache.key(world.kid) == world.issuer_key.public_key()
    assert issuer.fetches == 1


@pytest.mark.parametrize(("max_age", "kept"), [(300, 300), (None, 300), (0, 60), (5, 60), (86_400, 3_600), (600, 600)])
def test_max_age_is_respected_within_bounds(world, issuer, max_age, kept):
    issuer.max_age = max_age
    cache = issuer.cache(max_staleness=10_000)
    cache.key(world.kid)

    issuer.now += kept - 1
    cache.key(world.kid)
    assert not issuer.beside
    issuer.now += 1
    cache.key(world.kid)
    assert len(issuer.beside) == 1


def test_a_stale_key_verifies_at_once_while_one_refresh_runs_beside(world, issuer):
    cache = issuer.cache()
    cache.key(world.kid)
    issuer.now += 300

    assert cache.key(world.kid)
    assert cache.key(world.kid)
    assert (issuer.fetches, len(issuer.beside)) == (1, 1)

    issuer.run_beside()
    assert issuer.fetches == 2
    cache.key(world.kid)
    assert not issuer.beside


def test_a_key_that_left_the_jwks_leaves_the_cache(world, wire, issuer):
    cache = issuer.cache()
    cache.key(world.kid)
    successor = wire.new_key()
    issuer.document = world.jwks(successor)
    issuer.now += 300
    cache.key(world.kid)
    issuer.run_beside()

    assert cache.key(wire.thumbprint(wire.public_jwk(successor)))
    with pytest.raises(errors.TokenKeyUnknown):
        cache.key(world.kid)


def test_an_emptied_jwks_is_believed(world, issuer):
    cache = issuer.cache()
    cache.key(world.kid)
    issuer.document = {"keys": []}
    cache.refresh()
    with pytest.raises(errors.TokenKeyUnknown):
        cache.key(world.kid)


def test_while_refreshes_fail_known_keys_serve_for_a_bounded_time(world, issuer):
    cache = issuer.cache(max_staleness=3_600)
    cache.key(world.kid)
    issuer.broken = True
    issuer.now += 300
    assert cache.key(world.kid)
    issuer.run_beside()

    issuer.now += 3_299
    assert cache.key(world.kid)
    issuer.run_beside()
    issuer.now += 1
    with pytest.raises(errors.KeysUnavailable):
        cache.key(world.kid)

    issuer.broken = False
    issuer.now += 10
    assert cache.key(world.kid)


def test_a_failed_refresh_is_not_repeated_at_once(world, issuer):
    cache = issuer.cache(penalty=10)
    cache.key(world.kid)
    issuer.broken = True
    issuer.now += 300
    cache.key(world.kid)
    issuer.run_beside()
    issuer.now += 9
    cache.key(world.kid)
    assert not issuer.beside
    issuer.now += 1
    cache.key(world.kid)
    assert issuer.beside


BAD_DOCUMENTS = [b"", b"<html>", b"[]", b"{}", b'{"keys": {}}', b'{"keys": [], "keys": []}', b"\xef\xbb\xbf{}"]


@pytest.mark.parametrize("document", BAD_DOCUMENTS)
def test_a_document_that_is_no_jwks_counts_as_a_failure(world, issuer, document):
    cache = issuer.cache()
    cache.key(world.kid)
    issuer.document = document
    with pytest.raises(errors.KeysUnavailable):
        cache.refresh()
    assert cache.key(world.kid)


def test_nothing_fetched_yet_and_nothing_to_be_had_is_unavailable_and_not_hammered(world, issuer):
    issuer.broken = True
    cache = issuer.cache(penalty=10)
    for _ in range(3):
        with pytest.raises(errors.KeysUnavailable):
            cache.key(world.kid)
    assert issuer.fetches == 1
    issuer.broken = False
    issuer.now += 10
    assert cache.key(world.kid)


def test_a_new_key_is_found_by_one_more_fetch(world, wire, issuer):
    cache = issuer.cache()
    cache.key(world.kid)
    successor = wire.new_key()
    issuer.document = world.jwks(world.issuer_key, successor)

    assert cache.key(wire.thumbprint(wire.public_jwk(successor))) == successor.public_key()
    assert issuer.fetches == 2


def test_made_up_kids_cost_one_fetch_in_ten_seconds(world, issuer):
    cache = issuer.cache(penalty=10)
    cache.key(world.kid)
    for number in range(20):
        with pytest.raises(errors.TokenKeyUnknown):
            cache.key(f"made-up-{number}")
    assert issuer.fetches == 2
    assert cache.key(world.kid)

    issuer.now += 10
    with pytest.raises(errors.TokenKeyUnknown):
        cache.key("made-up")
    assert issuer.fetches == 3


def test_a_new_kid_while_the_issuer_is_down_is_no_verdict_on_the_token(world, issuer):
    cache = issuer.cache()
    cache.key(world.kid)
    issuer.broken = True
    for _ in range(2):
        with pytest.raises(errors.KeysUnavailable):
            cache.key("new")
    assert issuer.fetches == 2
    assert cache.key(world.kid)


def test_known_keys_and_other_new_kids_do_not_wait_behind_a_slow_fetch(world):
    started, proceed = threading.Event(), threading.Event()
    calls = []

    def fetch(url):
        calls.append(url)
        if len(calls) > 1:
            started.set()
            assert proceed.wait(10)
        return world.fetch(url)

    cache = JwksCache(url=URL, fetch=fetch)
    cache.key(world.kid)
    outcomes = []

    def ask_for_a_new_key():
        try:
            cache.key("new")
        except errors.TokenKeyUnknown as error:
            outcomes.append(error.code)

    slow = threading.Thread(target=ask_for_a_new_key)
    slow.start()
    assert started.wait(10)
    assert cache.key(world.kid)
    with pytest.raises(errors.KeysUnavailable):
        cache.key("another")
    proceed.set()
    slow.join(10)
    assert outcomes == ["token_key_unknown"]
    assert len(calls) == 2


def test_the_first_callers_share_one_fetch(world):
    together = threading.Barrier(4)
    entered, proceed = threading.Event(), threading.Event()
    calls, found = [], []

    def fetch(url):
        calls.append(url)
        entered.set()
        assert proceed.wait(10)
        return world.fetch(url)

    cache = JwksCache(url=URL, fetch=fetch)

    def ask():
        together.wait(10)
        found.append(cache.key(world.kid))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert entered.wait(10)
    proceed.set()
    for thread in threads:
        thread.join(10)
    assert (len(found), len(calls)) == (4, 1)


def test_a_refresh_runs_in_a_thread_of_its_own(world):
    now = [0.0]
    refreshed = threading.Event()
    threads = []

    def fetch(url):
        threads.append(threading.current_thread())
        if len(threads) == 2:
            refreshed.set()
        return world.fetch(url)

    cache = JwksCache(url=URL, fetch=fetch, clock=lambda: now[0])
    cache.key(world.kid)
    now[0] = 300
    assert cache.key(world.kid)
    assert refreshed.wait(10)
    assert threads[0] is threading.current_thread()
    assert threads[1] is not threading.current_thread()


def test_when_there_is_no_thread_to_be_had_the_keys_at_hand_serve(world, issuer):
    def no_thread(_work):
        raise RuntimeError("can't start new thread")

    cache = JwksCache(url=URL, fetch=issuer, clock=lambda: issuer.now, run_beside=no_thread)
    cache.key(world.kid)
    issuer.now += 300
    assert cache.key(world.kid)
    cache.refresh()
    assert issuer.fetches == 2


UNUSABLE = {
    "another use": {"use": "enc"},
    "no use": {"use": None},
    "another algorithm": {"alg": "ES384"},
    "no algorithm": {"alg": None},
    "another curve": {"crv": "P-384"},
    "another type": {"kty": "OKP"},
    "a point off the curve": {"y": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
    "a kid that is not its thumbprint": {"kid": "2026-01"},
    "a private key": {"d": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
}


@pytest.mark.parametrize("change", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_keys_for_other_uses_are_ignored(world, wire, issuer, change):
    entry = {**world.jwks()["keys"][0], **change}
    other = wire.new_key()
    issuer.document = {"keys": [entry, "nonsense", world.jwks(other)["keys"][0]]}
    cache = issuer.cache()

    assert cache.key(wire.thumbprint(wire.public_jwk(other)))
    for kid in {world.kid, entry["kid"]}:
        with pytest.raises(errors.TokenKeyUnknown):
            cache.key(kid)


@pytest.mark.parametrize("url", ["http://keys.assay.example/jwks.json", "file:///etc/passwd", "keys", "https:///x"])
def test_keys_are_not_fetched_where_anyone_could_replace_them(url):
    with pytest.raises(ValueError, match="https"):
        JwksCache(url=url)
    with pytest.raises(ValueError, match="https"):
        HttpFetcher()(url)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        status, headers, chunks = self.server.pages[self.path]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        for chunk in chunks:
            self.wfile.write(chunk)

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.origin = f"http://127.0.0.1:{server.server_port}"
        server.pages = {}
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


@pytest.mark.parametrize(
    ("control", "max_age"),
    [("public, max-age=300", 300), ("MAX-AGE=7", 7), ("s-maxage=9", None), ("no-cache", None), ("max-age=x", None)],
)
def test_http_gives_body_and_max_age(server, control, max_age):
    server.pages["/jwks"] = (200, {"Cache-Control": control}, [b'{"keys"', b": []}"])
    assert HttpFetcher()(f"{server.origin}/jwks") == FetchedJwks(unverified_body=b'{"keys": []}', max_age=max_age)


def test_redirects_stay_within_the_origin(server):
    port = server.server_port
    server.pages = {
        "/jwks": (200, {}, [b"{}"]),
        "/moved": (302, {"Location": "/jwks"}, []),
        "/away": (302, {"Location": f"http://localhost:{port}/jwks"}, []),
        "/file": (302, {"Location": "file:///etc/passwd"}, []),
        "/nowhere": (302, {"Location": "http://[::1/jwks"}, []),
        "/round": (302, {"Location": "/round"}, []),
    }
    assert HttpFetcher()(f"{server.origin}/moved").unverified_body == b"{}"
    for path in ("/away", "/file", "/nowhere", "/round"):
        with pytest.raises(FetchFailed):
            HttpFetcher()(server.origin + path)


@pytest.mark.parametrize("status", [404, 500, 503])
def test_an_error_page_is_no_jwks(server, status):
    server.pages["/jwks"] = (status, {}, [b'{"keys": []}'])
    with pytest.raises(FetchFailed, match=str(status)):
        HttpFetcher()(f"{server.origin}/jwks")


def test_a_body_is_read_up_to_its_bound(server):
    server.pages["/jwks"] = (200, {}, [b" " * 1_000] * 3)
    assert len(HttpFetcher(max_bytes=3_000)(f"{server.origin}/jwks").unverified_body) == 3_000
    with pytest.raises(FetchFailed, match="2999 bytes"):
        HttpFetcher(max_bytes=2_999)(f"{server.origin}/jwks")


def test_a_server_that_does_not_answer_is_given_up_on():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(FetchFailed, match=r"TimeoutError|URLError"):
            HttpFetcher(timeout=0.05)(f"http://127.0.0.1:{port}/jwks")


def test_a_server_that_is_not_there_is_a_failure():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(FetchFailed):
        HttpFetcher()(f"http://127.0.0.1:{port}/jwks")


def test_the_cache_and_the_fetcher_work_together_over_http(world, server):
    server.pages["/jwks"] = (200, {"Cache-Control": "max-age=300"}, [json.dumps(world.jwks()).encode()])
    assert JwksCache(url=f"{server.origin}/jwks").key(world.kid) == world.issuer_key.public_key()
