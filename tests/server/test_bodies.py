"""What a body may be: one strict JSON document of a bounded size. And what an answer always is."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from jupyter_mlplat.errors import Malformed
from jupyter_mlplat.server import strict_json
from jupyter_mlplat.server.app import MLPlatExtension

from .conftest import Ask

MALFORMED = {
    "nothing": b"",
    "half": b'{"view": ',
    "text": b"view=a",
    "two": b"{} {}",
    "nan": b'{"view": NaN}',
    "infinity": b'{"view": Infinity}',
    "minus infinity": b'{"view": -Infinity}',
    "overflow": b'{"view": 1e999}',
    "twice": b'{"view": "a", "view": "b"}',
    "twice inside": b'{"view": {"a": 1, "a": 1}}',
    "latin-1": '{"view": "ä"}'.encode("latin-1"),
    "utf-16": '{"view": "a"}'.encode("utf-16"),
    "half a pair": b'{"view": "\\ud800"}',
    "deep": b'{"view": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "long number": b'{"view": ' + b"1" * 10_000 + b"}",
    "trailing comma": b'{"view": "a",}',
    "single quotes": b"{'view': 'a'}",
}


async def test_what_is_no_strict_json_is_malformed(ask: Ask) -> None:
    for name, body in MALFORMED.items():
        said = (await ask("POST", "features", "online", body=body)).error(400)
        assert said["reason"] == "malformed", name
        assert said["hint"], name


async def test_json_that_is_no_object_is_a_wrong_value(ask: Ask) -> None:
    for body in (b"[]", b"1", b'"text"', b"null", b"true"):
        assert "body" in (await ask("POST", "features", "online", body=body)).error(422)["fields"]


async def test_every_wrong_field_is_named(ask: Ask) -> None:
    said = (await ask("POST", "features", "online", body={"view": "Upper Case", "entities": [1], "x": 1})).error(422)
    assert set(said["fields"]) == {"view", "entities.0", "x"}


def test_strict_json_reads_what_is_json() -> None:
    value = {"a": [1, -2.5e3, "ü", "\U0001f600", None, True, {"b": {}}]}
    assert strict_json.parse(json.dumps(value).encode()) == value
    assert strict_json.parse(json.dumps(value, ensure_ascii=False).encode()) == value
    with pytest.raises(Malformed, match="'a' occurs twice"):
        strict_json.parse(b'{"a": 1, "a": 1}')


def test_strict_json_writes_null_for_what_json_has_no_number_for() -> None:
    import numpy
    import pandas

    value = {
        "a": float("nan"),
        "b": [float("inf"), -float("inf")],
        "c": numpy.float32("nan"),
        "d": numpy.int64(7),
        "e": numpy.float64(0.5),
        "h": pandas.Timestamp("2026-11-21T06:00:00Z"),
        "i": numpy.bool_(True),
    }
    written = json.loads(strict_json.dump(value), parse_constant=pytest.fail)
    assert written["a"] is written["c"] is None
    assert written["b"] == [None, None]
    assert (written["d"], written["e"], written["i"]) == (7, 0.5, True)
    assert written["h"].startswith("2026-11-21T06:00:00")


# --- size -----------------------------------------------------------------------------------------


class TestLimit:
    @pytest.fixture
    def jp_server_config(self, home: Any) -> dict[str, Any]:
        return {
            "ServerApp": {"jpserver_extensions": {"jupyter_mlplat": True}},
            "MLPlatExtension": {"max_body_bytes": 4096},
        }

    async def test_a_body_of_the_limit_is_read(self, ask: Ask) -> None:
        body = b'{"view": "' + b"a" * (4096 - 12) + b'"}'
        assert len(body) == 4096
        (await ask("POST", "features", "online", body=body)).error(422)

    async def test_a_body_over_the_limit_is_refused(self, ask: Ask) -> None:
        said = (await ask("POST", "features", "online", body=b" " * 4097)).error(413)
        assert "4096" in said["message"]
        assert "max_body_bytes" in said["hint"]

    async def test_a_body_announced_too_large_is_refused_before_it_comes(
        self, jp_http_port: int, jp_base_url: str, jp_auth_header: dict[str, str], ask: Ask
    ) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", jp_http_port)
        writer.write(_head(jp_base_url, jp_auth_header, f"Content-Length: {10**12}"))
        await writer.drain()
        answer = await asyncio.wait_for(reader.readuntil(b"}"), 10)
        assert answer.startswith(b"HTTP/1.1 413")
        assert json.loads(answer.partition(b"\r\n\r\n")[2] + await reader.read())["reason"] == "too_large"
        writer.close()

    async def test_a_body_that_grows_over_the_limit_is_cut_off(
        self, jp_http_port: int, jp_base_url: str, jp_auth_header: dict[str, str], ask: Ask
    ) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", jp_http_port)
        writer.write(_head(jp_base_url, jp_auth_header, "Transfer-Encoding: chunked"))
        chunk = b"400\r\n" + b" " * 0x400 + b"\r\n"
        for _ in range(5):
            writer.write(chunk)
        await writer.drain()
        answer = await asyncio.wait_for(reader.read(), 10)
        assert answer.startswith(b"HTTP/1.1 413")
        writer.close()

    async def test_a_stranger_is_refused_before_the_body_comes(
        self, jp_http_port: int, jp_base_url: str, ask: Ask
    ) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", jp_http_port)
        writer.write(_head(jp_base_url, {}, "Content-Length: 4000"))
        await writer.drain()
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 10)
        assert answer.startswith(b"HTTP/1.1 403")
        writer.close()


def _head(base_url: str, headers: dict[str, str], *more: str) -> bytes:
    lines = [
        f"POST {base_url}mlplat/api/v1/features/online HTTP/1.1",
        "Host: 127.0.0.1",
        *(f"{name}: {value}" for name, value in headers.items()),
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


# --- errors ---------------------------------------------------------------------------------------


async def test_a_bug_shows_nothing_of_the_inside(
    ask: Ask, extension: MLPlatExtension, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await ask("GET", "gpus")
    platform = await extension.door.platform()

    def broken() -> None:
        raise RuntimeError("/secret/place: password=hunter2")

    monkeypatch.setattr(platform.gpus, "list", broken)
    with caplog.at_level(logging.ERROR):
        answer = await ask("GET", "gpus")
    assert answer.error(500)["reason"] == "internal"
    assert "secret" not in answer.body.decode()
    assert "hunter2" in caplog.text, "the log must have what the answer has not"


async def test_a_store_that_cannot_be_opened_is_unavailable_and_tried_again(
    ask: Ask, extension: MLPlatExtension, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLPLAT_DB_URL", "postgresql://mlplat@127.0.0.1:1/none")
    said = (await ask("GET", "jobs")).error(503)
    assert said["hint"]
    monkeypatch.delenv("MLPLAT_DB_URL")
    assert (await ask("GET", "jobs")).status == 200


async def test_answers_are_not_kept_by_browsers(ask: Ask) -> None:
    answer = await ask("GET", "jobs")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "ETag" not in answer.headers
