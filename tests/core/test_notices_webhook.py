"""Webhooks: where they may lead, and what is posted there. A real web server, no network."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest

from jupyter_mlplat.services.jobs.notices.addresses import is_public, refuse_private
from jupyter_mlplat.services.jobs.notices.channels import Channels
from jupyter_mlplat.services.jobs.notices.errors import Undeliverable, Undelivered
from jupyter_mlplat.services.jobs.notices.targets import shown
from jupyter_mlplat.services.jobs.notices.webhook import check_webhook, post, read_webhook

from ..webhookserver import WebhookServer, self_signed

# --- where a webhook may lead -----------------------------------------------------------------------

HOSTILE = [
    "http://127.0.0.1/",
    "http://127.0.0.1:8888/api",
    "http://127.1/",
    "http://127.0.1/",
    "http://127.0.0.1./",
    "http://0x7f.1/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://2130706433/",
    "http://017700000001/",
    "http://127.0.0.1.0x0/",
    "http://0/",
    "http://0.0.0.0/",
    "http://1.2.3/",
    "http://256.1.1.1/",
    "http://8.8.8.010/",
    "http://localhost/",
    "http://LOCALHOST/",
    "http://localhost./",
    "http://db.localhost/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[0:0:0:0:0:ffff:10.0.0.1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b::169.254.169.254]/",
    "http://[64:ff9b:1::1]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:808:808::1]/",
    "http://[2001:0:53aa:64c:0:0:80ff:fffe]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fc00::1]/",
    "http://[fd00:ec2::254]/latest/meta-data",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[2001:db8::1]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://168.63.129.16/metadata",
    "http://100.100.100.200/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.1.1/",
    "http://192.0.0.192/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "https://user@hooks.slack.com/",
    "https://user:password@hooks.slack.com/",
    "https://hooks.slack.com@127.0.0.1/",
    "https://hooks.slack.com\\@127.0.0.1/",
    "https://hooks.slack.com#@127.0.0.1/ x",
    "https://127.0.0.1\\.hooks.slack.com/",
    "http:///etc/passwd",
    "http://",
    "https://hooks.slack.com:0/",
    "https://hooks.slack.com:65536/",
    "https://hooks.slack.com:http/",
    "https://hooks.slack.com:/",
    "https://hooks.slack.com/\r\nHost: evil",
    "https://hooks.slack.com/a b",
    "https://hooks.slack.com\t/",
    "https://hooks.slack.com/\x00",
    "https://hooks.slack.com/é",
    "https://①②⑦.⓪.⓪.①/",
    "https://127。0。0。1/",
    "https://-hooks.slack.com/",
    "https://hooks..slack.com/",
    "https://" + "a" * 64 + ".example/",
    "https://[v1.fe80]/",
    "https://[::1/",
    "https://hooks.slack.com]/",
    "https://%6c%6f%63alhost/",
    "ftp://hooks.slack.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:25/",
    "//hooks.slack.com/",
    "https:/hooks.slack.com/",
]


@pytest.mark.parametrize("address", HOSTILE, ids=ascii)
def test_a_hostile_address_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_connection(*arguments: object) -> None:
        raise AssertionError("it was connected to")

    monkeypatch.setattr(socket.socket, "connect", no_connection)
    with pytest.raises(Undeliverable) as refused:
        check_webhook(address, ())
    with pytest.raises(Undeliverable):
        post(address, "text", ())
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("address", "host", "port", "path", "authority"),
    [
        ("https://hooks.slack.com/services/T/B/x", "hooks.slack.com", 443, "/services/T/B/x", "hooks.slack.com"),
        ("HTTPS://Hooks.Slack.com.", "hooks.slack.com", 443, "/", "hooks.slack.com"),
        ("http://example.org:8080?a=b#c", "example.org", 8080, "/?a=b", "example.org:8080"),
        ("https://8.8.8.8:80/x", "8.8.8.8", 80, "/x", "8.8.8.8:80"),
        ("https://[2606:4700:4700:0::1111]/", "2606:4700:4700::1111", 443, "/", "[2606:4700:4700::1111]"),
        ("https://xn--bcher-kva.example/a%20b", "xn--bcher-kva.example", 443, "/a%20b", "xn--bcher-kva.example"),
    ],
)
def test_an_address_is_read(address: str, host: str, port: int, path: str, authority: str) -> None:
    hook = read_webhook(address)
    assert (hook.host, hook.port, hook.path, hook.authority) == (host, port, path, authority)
    assert check_webhook(address, ()) == hook


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("100.63.255.255", True),
        ("100.64.0.1", False),
        ("192.88.99.1", False),
        ("2606:4700::1", True),
        ("::ffff:8.8.8.8", True),
        ("::ffff:192.168.0.1", False),
        ("64:ff9b::808:808", True),
        ("64:ff9b::a00:1", False),
        ("2001:4860:4860::8888", True),
        ("2001:2::1", False),
        ("3fff::1", False),
        ("4000::1", False),
        ("100::1", False),
        ("5f00::1", False),
        ("::8.8.8.8", False),
        ("fe80::1%eth0", False),
    ],
)
def test_what_is_public(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


def test_one_address_that_is_not_public_is_enough() -> None:
    refuse_private([(socket.AF_INET, ("8.8.8.8", 443))])
    with pytest.raises(Undeliverable, match="not on the public Internet"):
        refuse_private([(socket.AF_INET, ("8.8.8.8", 443)), (socket.AF_INET6, ("::1", 443, 0, 0))])


@pytest.mark.parametrize(
    ("hosts", "address", "allowed"),
    [
        (["127.0.0.1"], "http://127.0.0.1:99/", True),
        (["127.0.0.1:99"], "http://127.0.0.1:99/", True),
        (["127.0.0.1:98"], "http://127.0.0.1:99/", False),
        (["chat.intern"], "http://127.0.0.1/", False),
        (["localhost"], "http://LOCALHOST.:99/", True),
        (["Localhost:80"], "http://localhost/", True),
        (["localhost"], "http://db.localhost/", False),
        (["[::1]:99"], "http://[::1]:99/", True),
        (["::1"], "http://[0::1]:99/", True),
        (["127.0.0.1"], "http://127.1/", False),
    ],
)
def test_hosts_of_the_configuration_are_allowed(hosts: list[str], address: str, allowed: bool) -> None:
    if allowed:
        check_webhook(address, hosts)
    else:
        with pytest.raises(Undeliverable):
            check_webhook(address, hosts)


class NameServer:
    """Answers for names as it is told, and counts."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, **options: object) -> list[object]:
        self.asked.append(host)
        addresses = self.answers[min(len(self.asked), len(self.answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]


def test_a_name_that_leads_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with WebhookServer() as server:
        for answers in (["127.0.0.1"], ["93.184.215.14", "127.0.0.1"], ["169.254.169.254"]):
            monkeypatch.setattr(socket, "getaddrinfo", NameServer(answers))
            with pytest.raises(Undeliverable, match="not on the public Internet"):
                post(f"http://hooks.example:{server.port}/", "text", ())
        assert server.posted == []


def test_a_name_is_resolved_once_and_what_was_checked_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    # Whoever owns a name may answer with a public address first and with an inner one a moment later.
    names = NameServer(["93.184.215.14"], ["127.0.0.1"])
    monkeypatch.setattr(socket, "getaddrinfo", names)
    reached: list[object] = []

    def connect(self: socket.socket, address: object) -> None:
        reached.append(address)
        raise ConnectionRefusedError(111, "Connection refused")

    with WebhookServer() as server, monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        with pytest.raises(Undelivered, match="connection refused"):
            post(f"http://hooks.example:{server.port}/", "text", ())
        assert (names.asked, reached) == (["hooks.example"], [("93.184.215.14", server.port)])
        assert server.posted == []


# --- what is posted -------------------------------------------------------------------------------


def test_what_slack_reads_is_posted() -> None:
    with WebhookServer() as server:
        post(f"{server.url}/services/T?x=1", "Job 7 failed\n\n<!channel> a & b <https://evil|x> @here ž", [server.host])
    (posted,) = server.posted
    assert posted.path == "/services/T?x=1"
    assert set(posted.body) == {"text"}
    assert posted.text == (
        "Job 7 failed\n\n&lt;!channel&gt; a &amp; b &lt;https://evil|x&gt; @\N{ZERO WIDTH SPACE}here ž"
    )
    assert posted.headers["Host"] == f"127.0.0.1:{server.port}"
    assert posted.headers["Content-Type"] == "application/json"


def test_a_long_text_is_cut() -> None:
    with WebhookServer() as server:
        post(server.url, "x" * 100_000, [server.host])
    assert len(server.posted[0].text) == 3001


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413])
def test_a_refusal_is_for_ever(status: int) -> None:
    server = WebhookServer(statuses=[status], answer=b"secret of somebody")
    with server, pytest.raises(Undeliverable, match=f"^it answered {status}$") as refused:
        post(server.url, "text", [server.host])
    assert "secret" not in refused.value.hint


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_failure_of_the_other_side_may_pass(status: int) -> None:
    with WebhookServer(statuses=[status]) as server, pytest.raises(Undelivered, match=f"^it answered {status}$") as no:
        post(server.url, "text", [server.host])
    assert not isinstance(no.value, Undeliverable)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with WebhookServer() as inner:
        server = WebhookServer(statuses=[status], headers={"Location": f"{inner.url}/"})
        with server, pytest.raises(Undeliverable, match="a redirect is not followed"):
            post(server.url, "text", [server.host, inner.host])
        assert len(server.posted) == 1
        assert inner.posted == []


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with WebhookServer() as proxy, WebhookServer() as server:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        post(server.url, "text", [server.host])
        assert (len(server.posted), len(proxy.posted)) == (1, 0)


def test_nobody_listens() -> None:
    with WebhookServer() as server:
        pass
    with pytest.raises(Undelivered, match="connection refused") as refused:
        post(server.url, "text", [server.host])
    assert not isinstance(refused.value, Undeliverable)


def test_a_server_that_answers_slowly_is_cut_off() -> None:
    for server in (WebhookServer(slow=True), WebhookServer(hold=threading.Event())):
        with server:
            begun = time.monotonic()
            with pytest.raises(Undelivered, match=r"it did not answer within 0\.5 s"):
                post(server.url, "text", [server.host], timeout=0.5)
            assert time.monotonic() - begun < 3
            if server.hold is not None:
                server.hold.set()


def test_an_endless_answer_is_not_read() -> None:
    with WebhookServer(answer=b"x" * 50_000_000) as server:
        post(server.url, "text", [server.host])


# --- TLS ------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return self_signed(tmp_path / "hooks.pem", "hooks.example")


def test_the_certificate_is_checked_against_the_name(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    monkeypatch.setattr(socket, "getaddrinfo", NameServer(["127.0.0.1"]))
    with WebhookServer(tls=context) as server:
        hosts = ["hooks.example", "other.example"]
        right, wrong = (f"https://{name}:{server.port}/" for name in hosts)
        with pytest.raises(Undeliverable, match="its certificate is not valid: self-signed certificate"):
            post(right, "text", hosts)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with pytest.raises(Undeliverable, match="not valid for 'other"):
            post(wrong, "text", hosts)
        assert server.posted == []
        post(right, "text", hosts)
        assert server.posted[0].headers["Host"] == f"hooks.example:{server.port}"


def test_a_server_without_tls_is_an_error_of_the_connection() -> None:
    with WebhookServer() as server, pytest.raises(Undelivered, match="the connection broke off"):
        post(f"https://127.0.0.1:{server.port}/", "text", [server.host])


# --- references and names -------------------------------------------------------------------------


def test_a_reference_holds_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with WebhookServer() as server:
        monkeypatch.setenv("HOOK", f"{server.url}/by-variable\n")
        (tmp_path / "hook").write_text(f"{server.url}/by-file\n")
        named = {"team": "env:HOOK", "lost": "somewhere"}
        channels = Channels(hosts=[server.host], named=named)
        for target in ("env:HOOK", f"file:{tmp_path / 'hook'}", "@team"):
            channels.send(target, "text")
        assert [one.path for one in server.posted] == ["/by-variable", "/by-file", "/by-variable"]
        (tmp_path / "empty").touch()
        (tmp_path / "other").write_text("hunter2")
        for target, why in (
            ("env:NOWHERE", "the variable of env:NOWHERE is not set"),
            (f"file:{tmp_path / 'none'}", "No such file"),
            (f"file:{tmp_path}", "Is a directory"),
            ("file:/dev/zero", "is no file"),
            (f"file:{tmp_path / 'empty'}", "is empty"),
            (f"file:{tmp_path / 'other'}", "holds no address of a webhook"),
            ("@lost", "has no target at @lost"),
            ("@nobody", "no target is called @nobody"),
        ):
            with pytest.raises(Undeliverable, match=why) as refused:
                channels.send(target, "text")
            assert "hunter2" not in f"{refused.value} {refused.value.hint}"
        assert len(server.posted) == 3


@pytest.mark.parametrize(
    ("target", "seen"),
    [
        ("https://hooks.slack.com/services/T/B/secret", "https://hooks.slack.com/…"),
        ("https://hooks.slack.com:8443?token=secret", "https://hooks.slack.com:8443/…"),
        ("https://secret@hooks.slack.com#secret", "https://hooks.slack.com/…"),
        ("https://hooks.slack.com/…", "https://hooks.slack.com/…"),
        ("mailto:ada@example.org", "mailto:ada@example.org"),
        ("env:HOOK", "env:HOOK"),
        ("file:/run/secrets/hook", "file:/run/secrets/hook"),
        ("@team", "@team"),
    ],
)
def test_what_is_shown_of_a_target(target: str, seen: str) -> None:
    assert shown(target) == seen
