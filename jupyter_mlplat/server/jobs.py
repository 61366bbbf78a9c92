"""Jobs, and the parameters that a notebook takes."""

from __future__ import annotations

from pathlib import Path

from tornado import web

from ..errors import BackendFailed, Invalid, NotFound
from . import strict_json
from .base import Handler, Operation, Route, authorized

RESOURCE = "mlplat:jobs"
FILTERS = ("state", "owner", "schedule", "sweep", "pipeline", "name")

# The document is an author's own HTML: it gets an origin of its own, no script and no network.
HTML_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; media-src data:"


class JobsHandler(Handler):
    """The list of jobs, and the place where one is made."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        limit, after = self.paging()
        wanted = {name: self.query(name) for name in FILTERS}
        alone = bool(self.number("alone", 0, low=0, high=1))
        self.reply(await self.call(self.platform.jobs.list, limit=limit, after=after, alone=alone, **wanted))

    @web.authenticated
    @authorized("execute")
    async def post(self) -> None:
        from ..models import JobSpec

        spec, key = self.parse(JobSpec), self.idempotency_key()
        notebook = await self.path_in_root(spec.notebook, field="notebook", kind="notebook")
        spec = spec.model_copy(update={"notebook": str(notebook)})
        job = await self.call(self.platform.jobs.submit, spec, owner=self.owner, idempotency_key=key)
        self.reply(job, status=201, location=f"/jobs/{job.id}")


class JobsPruneHandler(Handler):
    """The end of jobs that are not to be kept."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("write")
    async def post(self) -> None:
        from ..models import PruneRequest

        self.reply(await self.call(self.platform.jobs.prune, self.parse(PruneRequest), owner=self.owner))


class JobHandler(Handler):
    """One job with its cells."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, id: str) -> None:
        self.reply(await self.call(self.platform.jobs.get, id))

    @web.authenticated
    @authorized("write")
    async def delete(self, id: str) -> None:
        self.reply(await self.call(self.platform.jobs.delete, id))


class JobRetryHandler(Handler):
    """An ended job once more, as a new job."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("execute")
    async def post(self, id: str) -> None:
        from ..models import RetryRequest

        wish = self.parse(RetryRequest) if self._body else RetryRequest()
        job = await self.call(self.platform.jobs.retry, id, owner=self.owner, **wish.model_dump())
        self.reply(job, status=201, location=f"/jobs/{job.id}")


class JobCancelHandler(Handler):
    """The wish that a job ends; the engine carries it out."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("write")
    async def post(self, id: str) -> None:
        self.reply(await self.call(self.platform.jobs.cancel, id))


class JobCellsHandler(Handler):
    """The code cells of a job, as submitted, with their states."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, id: str) -> None:
        job = await self.call(self.platform.jobs.get, id)
        self.reply({"items": job.cells, "next": None})


class JobLogHandler(Handler):
    """What a job printed."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, id: str) -> None:
        offset = self.number("offset", 0, low=0, high=2**53)
        self.reply(await self.call(self.platform.jobs.log, id, offset=offset))


class JobNotebookHandler(Handler):
    """The executed notebook; while the job runs, as far as it has come."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, id: str) -> None:
        output = await self.call(self.platform.jobs.output, id)
        self.finish(await self.call(read_notebook, output, id))


class JobHTMLHandler(Handler):
    """The executed notebook as a page that runs no script."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, id: str) -> None:
        page = await self.call(self.platform.jobs.html, id)
        self.set_header("Content-Security-Policy", HTML_POLICY)
        self.finish(page, set_content_type="text/html; charset=utf-8")


class JobPDFHandler(Handler):
    """The executed notebook as PDF."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, id: str) -> None:
        document = await self.call(self.platform.jobs.pdf, id)
        self.set_header("Content-Disposition", f'attachment; filename="job-{id}.pdf"')
        self.finish(document, set_content_type="application/pdf")


class JobChangesHandler(Handler):
    """What is different from the last time that it succeeded."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, id: str) -> None:
        self.reply(await self.call(self.platform.changes.of, id))


class NotebookSchemaHandler(Handler):
    """The JSON Schema document of a notebook's parameters cell."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        path = self.query("path")
        if path is None:
            raise Invalid("path is missing", hint="?path=work/train.ipynb", fields={"path": "is missing"})
        notebook = await self.path_in_root(path, field="path", kind="notebook")
        self.reply(await self.call(self.platform.jobs.schema, notebook))


def read_notebook(path: Path, job_id: str) -> bytes:
    """An executed notebook as strict JSON. Raises `NotFound` where the job has written none yet."""
    import json

    try:
        text = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"job {job_id} has no output yet", hint="it has one as soon as it runs") from error
    try:
        # Outputs may carry NaN, which Python writes and no browser reads.
        return strict_json.dump(json.loads(text)) if b"NaN" in text or b"Infinity" in text else text
    except ValueError as error:
        raise BackendFailed(
            f"the output of job {job_id} is no notebook", hint=f"see the log of job {job_id}"
        ) from error


ROUTES = [
    Route(
        "/jobs",
        JobsHandler,
        {
            "get": Operation("Jobs, newest first", response="Page[Job]", query=("limit", "after", *FILTERS, "alone")),
            "post": Operation(
                "Run a notebook as a job",
                request="JobSpec",
                response="Job",
                status=201,
                errors=(409, 502),
                idempotent=True,
            ),
        },
    ),
    Route(
        "/jobs/prune",
        JobsPruneHandler,
        {
            "post": Operation(
                "Delete ended jobs: those named, or one's own by age and number",
                request="PruneRequest",
                response="Pruned",
                errors=(409,),
            )
        },
    ),
    Route(
        "/jobs/{id}",
        JobHandler,
        {
            "get": Operation("One job with its cells and attempts", response="Job"),
            "delete": Operation("Delete an ended job and its folder", response="Job", errors=(409,)),
        },
    ),
    Route(
        "/jobs/{id}/retry",
        JobRetryHandler,
        {
            "post": Operation(
                "Run an ended job once more, as a new job; a body may be left away",
                request="RetryRequest",
                response="Job",
                status=201,
                errors=(409,),
            )
        },
    ),
    Route(
        "/jobs/{id}/cancel",
        JobCancelHandler,
        {"post": Operation("Ask a job to end", response="Job", errors=(409,))},
    ),
    Route("/jobs/{id}/cells", JobCellsHandler, {"get": Operation("The cells of a job", response="Page[Cell]")}),
    Route(
        "/jobs/{id}/log",
        JobLogHandler,
        {"get": Operation("What a job printed", response="JobLog", query=("offset",))},
    ),
    Route(
        "/jobs/{id}/notebook",
        JobNotebookHandler,
        {"get": Operation("The executed notebook", response="object", errors=(502,))},
    ),
    Route(
        "/jobs/{id}/html",
        JobHTMLHandler,
        {"get": Operation("The executed notebook as a page", media_type="text/html")},
    ),
    Route(
        "/jobs/{id}/pdf",
        JobPDFHandler,
        {"get": Operation("The executed notebook as PDF", media_type="application/pdf", errors=(502, 503))},
    ),
    Route(
        "/jobs/{id}/changes",
        JobChangesHandler,
        {"get": Operation("What changed since it last succeeded", response="JobChanges")},
    ),
    Route(
        "/notebooks/schema",
        NotebookSchemaHandler,
        {"get": Operation("The parameters of a notebook, as JSON Schema", response="object", query=("path",))},
    ),
]
