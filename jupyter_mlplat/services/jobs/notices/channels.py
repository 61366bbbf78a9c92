"""The ways out of the platform: mail and webhooks, as the configuration allows them."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ....errors import Invalid
from ....models import Notify
from . import mail
from .errors import Undeliverable
from .targets import is_address
from .webhook import check_webhook, post

LONGEST_REFERENCE = 4096


@dataclass(frozen=True)
class Channels:
    """What the configuration says about notices.

    `smtp_url`, `smtp_password` (a reference) and `mail_from` say how mail goes out; `named` are targets by name;
    `hosts` are webhooks' hosts that need not be public, as `host` or `host:port`.
    """

    smtp_url: str = ""
    smtp_password: str = ""
    mail_from: str = ""
    named: Mapping[str, str] = field(default_factory=dict, repr=False)
    hosts: Collection[str] = ()

    @property
    def mail_server(self) -> str | None:
        """The mail server's name; None where none is configured, or not in a way that can be read."""
        try:
            return mail.read_server(self.smtp_url).host if self.smtp_url else None
        except Undeliverable:
            return None

    def check(self, notify: Sequence[Notify]) -> None:
        """Raise `Invalid`, naming the field, for a target that could not be told as things are.

        What only the engine's host can know (a name's addresses, what a reference holds) is not looked at.
        """
        for place, one in enumerate(notify):
            try:
                self._check(one.to)
            except Undeliverable as error:
                name = f"notify.{place}.to"
                raise Invalid(f"{name}: {error}", hint=error.hint, fields={name: str(error)}) from None

    def send(self, target: str, text: str) -> None:
        """Tell `target`; the first line of `text` is the subject.

        Raises `Undelivered` where a later try may help, `Undeliverable` where none will.
        """
        target = self._resolved(target)
        if target.startswith("mailto:"):
            server, sender = self._mail()
            password = read_reference(self.smtp_password) if self.smtp_password else None
            mail.send(server, password, sender, target.removeprefix("mailto:"), text)
        elif is_address(target):
            post(target, text, self.hosts)
        else:
            address = read_reference(target)
            if not is_address(address):
                raise Undeliverable(f"{target} holds no address of a webhook", hint="it begins with https://")
            post(address, text, self.hosts)

    def _check(self, target: str) -> None:
        target = self._resolved(target)
        if target.startswith("mailto:"):
            self._mail()
            mail.read_address(target.removeprefix("mailto:"))
        elif is_address(target):
            check_webhook(target, self.hosts)
        else:
            check_reference(target)

    def _resolved(self, target: str) -> str:
        if not target.startswith("@"):
            return target
        found = self.named.get(target[1:])
        if found is None:
            known = ", ".join(f"@{name}" for name in sorted(self.named))
            raise Undeliverable(f"no target is called {target}", hint=known or "name some in c.Platform.notify_targets")
        if not found.startswith(("mailto:", "env:", "file:")) and not is_address(found):
            raise Undeliverable(
                f"c.Platform.notify_targets has no target at {target}", hint="a mailto:, an https://, env: or file:"
            )
        return found

    def _mail(self) -> tuple[mail.MailServer, str]:
        if not self.smtp_url:
            raise Undeliverable("no mail server is configured", hint="set c.Platform.smtp_url and c.Platform.mail_from")
        server = mail.read_server(self.smtp_url)
        sender = self.mail_from or (server.user if "@" in server.user else "")
        if not sender:
            raise Undeliverable("mail has no sender", hint="set c.Platform.mail_from")
        return server, mail.read_address(sender)


def check_reference(reference: str) -> None:
    """Raise `Undeliverable` for a reference that no host could read: the engine's working directory is nobody's."""
    kind, _, where = reference.partition(":")
    if kind == "file" and not os.path.isabs(os.path.expanduser(where)):
        raise Undeliverable("the path is relative", hint="give the whole path: file:/home/ada/webhook")


def read_reference(reference: str) -> str:
    """What `env:VARIABLE` or `file:PATH` holds on this host. Raises `Undeliverable`, which never says the value."""
    check_reference(reference)
    kind, _, where = reference.partition(":")
    if kind == "env":
        value = os.environ.get(where)
        if value is None:
            raise Undeliverable(f"the variable of {reference} is not set for the engine", hint="set it, and restart it")
    elif kind == "file":
        try:
            # Without waiting: a pipe that nobody writes to would hold this up for ever.
            descriptor = os.open(os.path.expanduser(where), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(descriptor, encoding="utf-8") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise Undeliverable(f"{reference} is no file", hint="give the path of a file")
                value = file.read(LONGEST_REFERENCE)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise Undeliverable(f"{reference} cannot be read on the engine's host: {why}") from None
    else:
        # What stands here may be the secret itself.
        raise Undeliverable("that is no reference", hint="write env:VARIABLE or file:PATH")
    value = value.strip()
    if not value:
        raise Undeliverable(f"{reference} is empty")
    return value
