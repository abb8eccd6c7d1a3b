"""What is masked in a text, and what is left as it is."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from phaseline_runtime.logs import logger
from phaseline_runtime.masking import masked
from phaseline_runtime.store.connection import uri_from

SECRET = "s3cr3tPlanted"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("at mongodb://u:p@h:1/d, after 5 s", "at mongodb://***@h:1/d, after 5 s"),
        ("mongodb+srv://u:a@b/c?d@h/ and mongodb://x:y@z/", "mongodb+srv://***@h/ and mongodb://***@z/"),
        ("https://u:p@h/a@b?c=d", "https://***@h/a@b?c=d"),
        ("postgres://u:p@ss@h/d and amqps://t@h", "postgres://***@h/d and amqps://***@h"),
        ("at mongodb://u:a'b\"c<d>e@f@h:1/d, and me@h", "at mongodb://***@h:1/d, and me@h"),
        ("'mongodb+srv://u:it\\'s@h/'", "'mongodb+srv://***@h/'"),
        ('{"uri":"mongodb://u:p@h/","mail":"me@h"}', '{"uri":"mongodb://***@h/","mail":"me@h"}'),
        ("at mongodb://u:two words@h:1/d, and me@h.org", "at mongodb://***@h:1/d, and me@h.org"),
        ("mongodb+srv://some user:a b c@h.net; ask me@h.org", "mongodb+srv://***@h.net; ask me@h.org"),
        ("'mongodb://u:p/q r@h' and 'me@h'", "'mongodb://***@h' and 'me@h'"),
        ("mongodb://u:p\" , q' r@localhost after 5 s", "mongodb://***@localhost after 5 s"),
        ("mongodb://u:p@s s@[::1]:1/", "mongodb://***@[::1]:1/"),
        ("at mongodb+srv://<u>:<p>@h.net/ or mongodb://<u>:<p q>@h", "at mongodb+srv://***@h.net/ or mongodb://***@h"),
        ("mongodb://u:p @ q@h.net\nmongodb://u:1234@h.net me@h", "mongodb://***@h.net\nmongodb://***@h.net me@h"),
        ("mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:t&w=1", None),
        ("mongodb://h/?tlsCertificateKeyFilePassword=t", None),
        ("mongodb://h/?proxyHost=p&proxyUsername=u&proxyPassword=t", None),
        (
            r'{"uri":"mongodb:\/\/u:p@h\/d","at":"https:\/\/t@h\/"}',
            r'{"uri":"mongodb:\/\/***@h\/d","at":"https:\/\/***@h\/"}',
        ),
    ],
)
def test_what_is_secret_in_a_url_is_masked(text: str, wanted: str | None) -> None:
    assert masked(text) == (wanted or masked(text))
    assert masked(masked(text)) == masked(text)
    if wanted is None:
        assert "***" in masked(text)


@pytest.mark.parametrize(
    "text",
    [
        "mongodb://localhost:27017/db?w=majority",
        "mongodb://one,two/ told somebody@example.com",
        '{"uri":"mongodb://one:27017/","mail":"me@example.com"}',
        "('mongodb://one:27017/', 'me@example.com')",
        "mongodb://one:27017 does not answer: ask me@example.com",
        "mongodb://one does not answer: ask me@example.com",
        "<mongodb://one>: ask <me@example.com>",
        "https://example.com/a@b?mail=me@example.com",
        "https://example.com, then me@example.com",
        "mail me@example.com",
        r'{"at":"https:\/\/example.com\/a@b","mail":"me@example.com"}',
        "",
    ],
)
def test_what_holds_no_secret_is_left_as_it_is(text: str) -> None:
    assert masked(text) == text


@pytest.fixture
def secrets_manager() -> Iterator[str]:
    """A stand-in that answers every request with one secret."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            body = json.dumps({"Name": "mongo", "SecretString": f"mongodb://u:{SECRET}@h/"}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_function_that_logs_from_debug_on_logs_neither_the_secret_nor_its_credentials(
    secrets_manager: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """botocore would: it writes each request with its headers, and each answer whole."""
    given = {"AWS_ENDPOINT_URL": secrets_manager, "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "key"}
    for name, value in {**given, "AWS_SECRET_ACCESS_KEY": "x", "AWS_SESSION_TOKEN": f"token-{SECRET}"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(logging.getLogger("botocore"), "level", logging.NOTSET)
    monkeypatch.setattr(logging.getLogger("phaseline"), "handlers", [])
    logging.getLogger("botocore").manager._clear_cache()  # type: ignore[attr-defined]
    logger("orchestrator_job")
    variables: dict[str, Any] = {"PHASELINE_MONGO_SECRET": "mongo"}
    with caplog.at_level(logging.DEBUG):
        assert uri_from(variables) == f"mongodb://u:{SECRET}@h/"
    assert SECRET not in caplog.text
