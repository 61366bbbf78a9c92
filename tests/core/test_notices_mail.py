"""Mail: what a server on this machine is given, and what stays unsent. A real conversation in SMTP."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

import pytest

from jupyter_mlplat.services.jobs.notices.channels import Channels
from jupyter_mlplat.services.jobs.notices.errors import Undeliverable, Undelivered
from jupyter_mlplat.services.jobs.notices.mail import message, read_address, read_server, send

from ..mailserver import MailServer
from ..webhookserver import self_signed

TEXT = "Job 7 (žluť) failed: a cell raised an error\n\ncell 2: ValueError: no\n.\nOwner: ada\n"
FROM, TO = "jobs@example.org", "ada@example.org"


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path / "mail.pem", "mail.example"))
    return context


def here(server: MailServer, *, user: str = "") -> str:
    return f"smtp://{user + '@' if user else ''}127.0.0.1:{server.port}"


def test_one_message_of_plain_text() -> None:
    with MailServer() as server:
        Channels(smtp_url=here(server), mail_from=FROM).send(f"mailto:{TO}", TEXT)
    (got,) = server.received
    assert (got.sender, got.recipients, got.tls, got.user) == (FROM, [TO], False, None)
    assert (got.message["From"], got.message["To"]) == (FROM, TO)
    assert got.message["Subject"] == "Job 7 (žluť) failed: a cell raised an error"
    assert got.message["Auto-Submitted"] == "auto-generated"
    assert got.message["Date"]
    assert got.message["Message-ID"].endswith("@example.org>")
    assert got.message.get_content_type() == "text/plain"
    assert got.message.get_content().splitlines() == ["cell 2: ValueError: no", ".", "Owner: ada"]
    assert got.raw.isascii()


def test_with_tls_where_it_is_offered_and_the_password_from_where_it_is(
    tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text("hunter2-correct-horse\n")
    monkeypatch.setenv("SMTP_PASSWORD", "hunter2-correct-horse")
    with MailServer(tls=tls) as server:
        for reference in (f"file:{tmp_path / 'password'}", "env:SMTP_PASSWORD"):
            url = here(server, user="jobs%40example.org")
            Channels(smtp_url=url, smtp_password=reference).send(f"mailto:{TO}", TEXT)
        first, second = server.received
    assert (first.tls, first.user, first.password) == (True, "jobs@example.org", "hunter2-correct-horse")
    assert (second.tls, second.sender) == (True, "jobs@example.org")


def test_a_server_elsewhere_must_offer_tls_with_a_certificate_of_its_own(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    # A name that is not this machine's own, as far as anybody can see from its spelling.
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest: resolve("127.0.0.1", *rest))
    with MailServer() as server:
        channels = Channels(smtp_url=f"smtp://ada@mail.test:{server.port}", smtp_password="env:P", mail_from=FROM)
        monkeypatch.setenv("P", "hunter2")
        with pytest.raises(Undeliverable, match="offers no STARTTLS"):
            channels.send(f"mailto:{TO}", TEXT)
        assert server.received == []
    with MailServer(tls=tls) as server:
        channels = Channels(smtp_url=f"smtp://mail.test:{server.port}", mail_from=FROM)
        with pytest.raises(Undeliverable, match="the mail server's certificate is not valid"):
            channels.send(f"mailto:{TO}", TEXT)
        assert server.received == []


@pytest.mark.parametrize(
    ("answers", "why", "for_ever"),
    [
        ({"RCPT": "550 no such user"}, "the mail server answered 550", True),
        ({"RCPT": "451 greylisted"}, "the mail server answered 451", False),
        ({"MAIL": "421 too busy"}, "the mail server answered 421", False),
        ({"DATA": "554 no"}, "the mail server answered 554", True),
        ({"AUTH": "535 no"}, r"the mail server refused the login \(535\)", True),
        ({"AUTH": "454 later"}, "the mail server answered 454", False),
    ],
)
def test_what_the_server_refuses(
    answers: dict[str, str], why: str, for_ever: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("P", "hunter2")
    with MailServer(answers=answers) as server, pytest.raises(Undelivered, match=why) as refused:
        channels = Channels(smtp_url=here(server, user="ada"), smtp_password="env:P", mail_from=FROM)
        channels.send(f"mailto:{TO}", TEXT)
    assert isinstance(refused.value, Undeliverable) is for_ever
    assert "hunter2" not in str(refused.value)


def test_a_server_that_is_not_there_or_says_nothing() -> None:
    with MailServer() as server:
        pass
    with pytest.raises(Undelivered, match="the mail server cannot be reached: connection refused"):
        send(read_server(here(server)), None, FROM, TO, TEXT)
    with MailServer(silent=True) as server:
        begun = time.monotonic()
        with pytest.raises(Undelivered, match="did not answer in time"):
            send(read_server(here(server)), None, FROM, TO, TEXT, timeout=0.3)
        assert time.monotonic() - begun < 3


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org\n",
        "ada@example.org\x00",
        "ada@example.org, eve@example.org",
        "ada@example.org;eve@example.org",
        "Ada <ada@example.org>",
        "ada@example.org?bcc=eve%40example.org",
        "ada%0d%0aBcc:eve@example.org",
        "ada@eve@example.org",
        '"ada b"@example.org',
        "ada@[127.0.0.1]",
        "ada@-example.org",
        "ada@example..org",
        "ada@",
        "@example.org",
        "ada",
        "äda@example.org",
        "ada@" + "a" * 260 + ".org",
    ],
)
def test_what_is_no_mail_address(address: str) -> None:
    with pytest.raises(Undeliverable, match="that is no mail address"):
        read_address(address)
    with pytest.raises(Undeliverable):
        message(FROM, address, TEXT)
    with pytest.raises(Undeliverable):
        message(address, TO, TEXT)


def test_a_subject_is_one_line_and_no_header() -> None:
    made = message(FROM, TO, "Job 7 (a\rBcc: eve@example.org\x0b\x85\u2028x) failed\nbody")
    assert set(made.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Type", "MIME-Version",
        "Content-Transfer-Encoding",
    }  # fmt: skip
    assert "\r" not in made["Subject"]
    head = made.as_bytes().split(b"\n\n")[0]
    assert b"\nBcc" not in head
    assert len(message(FROM, TO, "x" * 5000)["Subject"]) == 200


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "user"),
    [
        ("smtp://mail.example", "mail.example", 587, False, ""),
        ("smtp://ada@mail.example:25", "mail.example", 25, False, "ada"),
        ("smtps://ada%40example.org@mail.example", "mail.example", 465, True, "ada@example.org"),
    ],
)
def test_where_the_mail_server_is(url: str, host: str, port: int, tls: bool, user: str) -> None:
    server = read_server(url)
    assert (server.host, server.port, server.tls, server.user, server.here) == (host, port, tls, user, False)


def test_what_is_on_this_machine() -> None:
    for host in ("localhost", "LOCALHOST.", "127.0.0.1", "127.8.8.8", "[::1]"):
        assert read_server(f"smtp://{host}:25").here


@pytest.mark.parametrize("url", ["mail.example", "http://mail.example", "smtp://", "smtp://a:99999", "smtp://a\nb"])
def test_what_is_no_mail_server(url: str) -> None:
    with pytest.raises(Undeliverable, match=r"c\.Platform\.smtp_url cannot be read"):
        read_server(url)


def test_a_password_in_the_configuration_is_refused_and_not_repeated() -> None:
    with pytest.raises(Undeliverable, match="has a password in it") as refused:
        read_server("smtp://ada:hunter2@mail.example")
    assert "hunter2" not in f"{refused.value} {refused.value.hint}"
