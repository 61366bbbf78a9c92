"""The one handler class, the one place where an error becomes a response, and the form of a route table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, ParamSpec, TypeVar, cast

from jupyter_server.auth.decorator import authorized as jupyter_authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from ..errors import Invalid, Malformed, MLPlatError, TooLarge
from . import strict_json
from .door import Door, now
from .paths import Kind, inside_root

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ..platform import Platform

    M = TypeVar("M", bound=BaseModel)

P = ParamSpec("P")
T = TypeVar("T")
Verb = TypeVar("Verb", bound=Callable[..., Any])

PREFIX = "/mlplat/api/v1"
DOOR = "mlplat_door"
MAX_LIMIT = 500
REASONS = {400: "malformed", 401: "denied", 403: "denied", 404: "not_found", 405: "method_not_allowed"}
ANONYMOUS = re.compile(r"[0-9a-f]{32}")


def authorized(action: Literal["read", "write", "execute"]) -> Callable[[Verb], Verb]:
    """Jupyter's decorator of that name with the action always said.

    Left bare it would remember the action of its first caller for all later ones.
    """
    return cast("Callable[[Verb], Verb]", jupyter_authorized(action))


@dataclass(frozen=True)
class Operation:
    """One verb of a route as the OpenAPI document shows it.

    `request` and `response` name classes of `models` (or `object`, for any JSON object, or `Page[Name]`); `accepted`
    is what comes with 202, where that can be; `query` the query parameters; `errors` the statuses beyond those that
    every route has.
    """

    summary: str
    request: str | None = None
    response: str | None = None
    status: int = 200
    accepted: str | None = None
    query: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()
    idempotent: bool = False
    media_type: str = "application/json"


@dataclass(frozen=True)
class Route:
    """A path below the prefix, with `{name}` for its variables, and what it answers to.

    `deep` names the variables that may have a / in them, written as it is or as %2F.
    """

    path: str
    handler: type[Handler]
    operations: Mapping[str, Operation] = field(default_factory=dict)
    prefix: str = PREFIX
    deep: tuple[str, ...] = ()

    @property
    def pattern(self) -> str:
        """The path as tornado's routing wants it."""
        return self.prefix + re.sub(
            r"\{(\w+)\}", lambda found: f"(?P<{found[1]}>{'.+' if found[1] in self.deep else '[^/]+'})", self.path
        )


class Paging(NamedTuple):
    """What every list takes."""

    limit: int
    after: str | None


@web.stream_request_body
class Handler(APIHandler):
    """Base of every verb: a refused request is refused before its body is read, and an error is JSON.

    A verb parses, calls one service method through `call`, and replies. It carries
    `@web.authenticated` and `@authorized` itself, on the concrete class.
    """

    auth_resource = "mlplat"
    route = "unknown"
    allowed: tuple[str, ...] = ()

    def initialize(self, route: Route | None = None) -> None:
        """Called by tornado with what the route table gives."""
        self._started = now()
        self._body = bytearray()
        self._reading = False
        self._platform: Platform | None = None
        if route is not None:
            self.route = route.prefix + route.path
            self.allowed = tuple(sorted(method.upper() for method in route.operations))

    # --- before the verb --------------------------------------------------------------------

    async def prepare(self) -> None:  # type: ignore[override]
        """Refuse strangers, forged requests and bodies over the limit; make sure that there is a platform."""
        await super().prepare()
        if self.request.method == "OPTIONS":
            self._reading = True
            return
        if not self.current_user:
            raise web.HTTPError(403, "you are not logged in")
        length = self.request.headers.get("Content-Length", "")
        if length.isdigit() and int(length) > self.door.max_body_bytes:
            raise self._too_large()
        self._platform = await self.door.platform()
        self._reading = True

    def data_received(self, chunk: bytes) -> None:
        """Collect the body; one that was not announced and outgrows the limit ends the request."""
        if not self._reading or self._finished:
            return
        self._body += chunk
        if len(self._body) > self.door.max_body_bytes:
            self._reading = False
            self._body.clear()
            error = self._too_large()
            self.send_error(error.status, exc_info=(type(error), error, None))

    @property
    def door(self) -> Door:
        return cast(Door, self.settings[DOOR])

    @property
    def platform(self) -> Platform:
        """The platform, which `prepare` has loaded."""
        assert self._platform is not None
        return self._platform

    @property
    def owner(self) -> str:
        """Whom a new row belongs to: the caller's identity where there is one, else the platform's user.

        Jupyter gives a name such as "Anonymous Io" and a random id to whoever has only the token: that is
        no identity.
        """
        user = self.current_user
        if ANONYMOUS.fullmatch(user.username) and (user.name or "").startswith("Anonymous "):
            return self.platform.user
        return str(user.username)

    # --- parsing ----------------------------------------------------------------------------

    def json(self) -> dict[str, Any]:
        """The body, a JSON object. Raises `Malformed` (400) or `Invalid` (422)."""
        if not self._body:
            raise Malformed("the request has no body", hint=strict_json.HINT)
        value = strict_json.parse(bytes(self._body))
        if not isinstance(value, dict):
            raise Invalid("the body is not an object", hint="send {…}", fields={"body": "must be an object"})
        return value

    def parse(self, model: type[M]) -> M:
        """The body as `model`. Raises `Malformed` where it is no JSON, `Invalid` with the fields that are wrong."""
        from pydantic import ValidationError

        self.json()
        try:
            # Strict: a number in quotes is a string. From the text, because there a time may be a string.
            return model.model_validate_json(bytes(self._body), strict=True)
        except ValidationError as error:
            from ..models import wrong_fields

            fields = wrong_fields(error, self.json())
            first, message = next(iter(fields.items()))
            raise Invalid(
                f"the request is wrong: {first}: {message}",
                hint=f"see {self.base_url.rstrip('/')}{PREFIX}/openapi.json",
                fields=fields,
            ) from error

    def query(self, name: str, *, longest: int = 2000) -> str | None:
        """A query parameter, None where it is absent. Raises `Invalid` where it is given twice."""
        values = self.queries(name, longest=longest)
        if len(values) > 1:
            raise Invalid(f"{name} is given {len(values)} times", hint="give it once", fields={name: "given twice"})
        return values[0] if values else None

    def queries(self, name: str, *, longest: int = 2000) -> list[str]:
        """A query parameter that may be given several times. Raises `Invalid` for what cannot be read."""
        values = self.get_query_arguments(name, strip=False)
        if any(len(value) > longest or "\x00" in value for value in values):
            raise Invalid(f"{name} cannot be read", hint="see the documentation", fields={name: "cannot be read"})
        return values

    def flag(self, name: str) -> bool:
        """A query parameter that is true or false, which it is where it is absent. Raises `Invalid`."""
        text = self.query(name)
        if text not in (None, "true", "false", "1", "0"):
            raise Invalid(f"{name} is true or false", hint="leave it away for false", fields={name: "true or false"})
        return text in ("true", "1")

    def number(self, name: str, default: int, *, low: int, high: int) -> int:
        """A whole number in the query. Raises `Invalid` outside of `low` to `high`."""
        text = self.query(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit()) or len(text) > 18 or not low <= int(text) <= high:
            raise Invalid(
                f"{name} is no whole number from {low} to {high}",
                hint=f"leave it away for {default}",
                fields={name: f"must be a whole number from {low} to {high}"},
            )
        return int(text)

    def paging(self) -> Paging:
        """`?limit=&after=` of a list."""
        return Paging(self.number("limit", 50, low=1, high=MAX_LIMIT), self.query("after"))

    def idempotency_key(self) -> str | None:
        """The Idempotency-Key header: a repeated POST with the same one makes nothing new."""
        key = self.request.headers.get("Idempotency-Key")
        if key is None:
            return None
        if not 1 <= len(key) <= 200 or not key.isascii() or not key.isprintable():
            raise Invalid(
                "the Idempotency-Key cannot be used",
                hint="1 to 200 printable ASCII characters, like a UUID",
                fields={"Idempotency-Key": "must be 1 to 200 printable ASCII characters"},
            )
        return key

    async def path_in_root(self, path: str, *, field: str, kind: Kind = "file") -> Path:
        """A path of the request made absolute; see `inside_root`."""
        app = self.serverapp
        assert app is not None
        hidden = bool(self.contents_manager.allow_hidden)
        return await self.call(inside_root, Path(app.root_dir), path, field=field, kind=kind, hidden=hidden)

    # --- calling and replying ---------------------------------------------------------------

    async def call(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a method of a service in a thread."""
        return await self.door.call(method, *args, **kwargs)

    def reply(self, value: object, *, status: int = 200, location: str | None = None) -> None:
        """Answer with JSON; `location` is a path below the prefix."""
        self.set_status(status)
        if location is not None:
            self.set_header("Location", f"{self.base_url.rstrip('/')}{PREFIX}{location}")
        self.finish(strict_json.dump(value))

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("Cache-Control", "no-store")

    def compute_etag(self) -> None:
        """None: an ETag is for what PATCH can change."""

    # --- errors -----------------------------------------------------------------------------

    @web.authenticated
    async def _not_allowed(self, *args: str, **kwargs: str) -> None:
        raise web.HTTPError(405)

    head = get = post = put = patch = delete = _not_allowed

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Every error of every verb becomes a response here, and nowhere else."""
        raised = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(raised, MLPlatError):
            status, answer = raised.status, raised.to_dict()
        elif isinstance(raised, web.HTTPError) and status_code < 500:
            status, answer = status_code, self._from_tornado(raised)
        else:
            status = status_code if status_code >= 400 else 500
            answer = {
                "message": "something went wrong on the server",
                "reason": "internal",
                "hint": "the server's log has the details",
                "fields": {},
            }
        self.set_status(status)
        if status == 405:
            self.set_header("Allow", ", ".join(self.allowed))
        if not self._reading:
            self.set_header("Connection", "close")
        self.finish(strict_json.dump(answer))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """What a user did wrong is no traceback; what we did wrong is one."""
        if isinstance(value, MLPlatError) and value.status != 500:
            log = self.log.warning if value.status >= 500 else self.log.debug
            log("%s %s: %s", self.request.method, self.route, value.message)
        else:
            super().log_exception(typ, value, tb)

    def on_finish(self) -> None:
        self.door.durations.observe(str(self.request.method), self.route, self.get_status(), now() - self._started)

    def _from_tornado(self, error: web.HTTPError) -> dict[str, object]:
        status = error.status_code
        message, hint = "", ""
        if error.log_message:
            try:
                message = error.log_message % error.args if error.args else error.log_message
            except (TypeError, ValueError):
                message = error.log_message
        if status == 405:
            message = f"{self.request.method} is not possible here"
            hint = f"possible: {', '.join(self.allowed)}" if self.allowed else ""
        elif status == 403:
            hint = "log in, or send the header Authorization: token …; a browser also sends X-XSRFToken"
        return {
            "message": " ".join(message.split()) or "the request was refused",
            "reason": REASONS.get(status, "refused"),
            "hint": hint,
            "fields": {},
        }

    def _too_large(self) -> TooLarge:
        limit = self.door.max_body_bytes
        return TooLarge(
            f"the body is larger than {limit} bytes",
            hint="send less, or raise c.MLPlatExtension.max_body_bytes",
        )
