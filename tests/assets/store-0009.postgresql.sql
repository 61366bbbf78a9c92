SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.alias_requests (
    id integer NOT NULL,
    kind character varying(16) NOT NULL,
    model character varying(256) NOT NULL,
    alias character varying(255) NOT NULL,
    version character varying(16) NOT NULL,
    before character varying(16),
    asked_by character varying(200) NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    why text NOT NULL,
    state character varying(16) NOT NULL,
    claimed_at timestamp with time zone,
    decided_by character varying(200),
    decided_at timestamp with time zone,
    decision_why text DEFAULT ''::text NOT NULL
);
COMMENT ON COLUMN public.alias_requests.kind IS 'alias, or protection: what is to change';
COMMENT ON COLUMN public.alias_requests.version IS 'what it is to stand for; empty: it is to be deleted';
COMMENT ON COLUMN public.alias_requests.before IS 'what it stood for then';
COMMENT ON COLUMN public.alias_requests.claimed_at IS 'somebody has approved it, and is changing it in MLflow';
CREATE SEQUENCE public.alias_requests_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.alias_requests_id_seq OWNED BY public.alias_requests.id;
CREATE TABLE public.attempts (
    job_id integer NOT NULL,
    number integer NOT NULL,
    state character varying(16) NOT NULL,
    reason character varying(32),
    message text,
    claimed_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    run_id character varying(64),
    run_closed boolean NOT NULL,
    peak_rss bigint,
    note text
);
COMMENT ON COLUMN public.attempts.run_closed IS 'the MLflow run has its end and its notebook';
COMMENT ON COLUMN public.attempts.peak_rss IS 'bytes of the whole tree';
COMMENT ON COLUMN public.attempts.note IS 'which checkpoint it went on from';
CREATE TABLE public.cells (
    job_id integer NOT NULL,
    attempt integer NOT NULL,
    index integer NOT NULL,
    state character varying(16) NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    error text,
    peak_rss bigint,
    peak_gpu_memory bigint
);
COMMENT ON COLUMN public.cells.peak_rss IS 'bytes of the attempt''s whole tree while it ran';
CREATE TABLE public.deployments (
    name character varying(63) NOT NULL,
    owner character varying(200) NOT NULL,
    target character varying(32) NOT NULL,
    state character varying(16) NOT NULL,
    revision integer NOT NULL,
    versions json NOT NULL,
    url text,
    token_file text NOT NULL,
    folder text NOT NULL,
    handle json NOT NULL,
    example json,
    message text,
    restarts integer NOT NULL,
    stop_requested boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    idempotency_key character varying(300),
    gpus integer DEFAULT 0 NOT NULL,
    gpu_type character varying(100),
    gpu_memory bigint,
    gpu_shared boolean DEFAULT false NOT NULL
);
COMMENT ON COLUMN public.deployments.revision IS 'fencing token of the supervisor';
COMMENT ON COLUMN public.deployments.handle IS 'how the target finds its process again';
COMMENT ON COLUMN public.deployments.gpus IS 'devices';
COMMENT ON COLUMN public.deployments.gpu_memory IS 'bytes of each device';
CREATE TABLE public.devices (
    uuid character varying(100) NOT NULL,
    host character varying(255) NOT NULL,
    name character varying(200) NOT NULL,
    memory bigint NOT NULL,
    lease_id integer,
    shared bigint DEFAULT '0'::bigint NOT NULL,
    CONSTRAINT ck_devices_no_more_than_it_has CHECK (((shared >= 0) AND (shared <= memory))),
    CONSTRAINT ck_devices_whole_or_shared CHECK (((lease_id IS NULL) OR (shared = 0)))
);
COMMENT ON COLUMN public.devices.lease_id IS 'who has the whole of it';
COMMENT ON COLUMN public.devices.shared IS 'bytes that shares have';
CREATE TABLE public.engine (
    id integer NOT NULL,
    holder character varying(64) NOT NULL,
    host character varying(255) NOT NULL,
    pid integer NOT NULL,
    pid_started double precision NOT NULL,
    since timestamp with time zone NOT NULL,
    expires timestamp with time zone NOT NULL,
    stop_requested character varying(16)
);
COMMENT ON COLUMN public.engine.id IS 'always 1: one engine per store';
COMMENT ON COLUMN public.engine.holder IS 'random id of the process that holds the lease';
COMMENT ON COLUMN public.engine.stop_requested IS 'wait or cancel: what to do with running jobs';
CREATE SEQUENCE public.engine_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.engine_id_seq OWNED BY public.engine.id;
CREATE TABLE public.feature_views (
    name character varying(63) NOT NULL,
    owner character varying(200) NOT NULL,
    source text NOT NULL,
    entities json NOT NULL,
    "timestamp" character varying(250) NOT NULL,
    features json NOT NULL,
    ttl double precision,
    description text NOT NULL,
    rows integer,
    materialized_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
);
CREATE TABLE public.jobs (
    id integer NOT NULL,
    name character varying(200) NOT NULL,
    notebook text NOT NULL,
    owner character varying(200) NOT NULL,
    state character varying(16) NOT NULL,
    attempt integer NOT NULL,
    parameters json NOT NULL,
    folder text NOT NULL,
    timeout double precision,
    cell_timeout double precision,
    submitted_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    seen_at timestamp with time zone,
    reason character varying(32),
    message text,
    run_id character varying(64),
    metric json NOT NULL,
    metric_name character varying(250),
    cancel_requested boolean NOT NULL,
    cells_total integer NOT NULL,
    cells_done integer NOT NULL,
    idempotency_key character varying(300),
    notebook_hash character varying(64),
    backend character varying(64) DEFAULT 'local'::character varying NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    deadline_at timestamp with time zone,
    retries integer DEFAULT 0 NOT NULL,
    retry_on json,
    retry_delay double precision DEFAULT '30'::double precision NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    not_before timestamp with time zone,
    retry_of integer,
    lane character varying(64),
    lane_limit integer,
    schedule_id integer,
    scheduled_for timestamp with time zone,
    cancel_reason character varying(32),
    sweep_id integer,
    point json,
    trial integer,
    memory bigint,
    secrets json,
    pipeline_id integer,
    node character varying(63),
    results json,
    notify json,
    resume boolean DEFAULT true NOT NULL,
    request character varying(64),
    gpus integer DEFAULT 0 NOT NULL,
    gpu_type character varying(100),
    gpu_memory bigint,
    gpu_shared boolean DEFAULT false NOT NULL,
    interruptible boolean DEFAULT false NOT NULL,
    pruned_at integer
);
COMMENT ON COLUMN public.jobs.notebook IS 'absolute path on the submitting host';
COMMENT ON COLUMN public.jobs.attempt IS 'fencing token: late writers lose';
COMMENT ON COLUMN public.jobs.seen_at IS 'the runner''s last sign of life';
COMMENT ON COLUMN public.jobs.metric_name IS 'metadata.mlplat.metric of the notebook';
COMMENT ON COLUMN public.jobs.idempotency_key IS 'owner and the client''s key';
COMMENT ON COLUMN public.jobs.notebook_hash IS 'SHA-256 of the code cells and their tags, as submitted';
COMMENT ON COLUMN public.jobs.priority IS 'higher runs first';
COMMENT ON COLUMN public.jobs.deadline_at IS 'it has ended by then, over all retries';
COMMENT ON COLUMN public.jobs.retry_on IS 'reasons; null: any that a retry can help';
COMMENT ON COLUMN public.jobs.retry_delay IS 'seconds, doubled by each failure';
COMMENT ON COLUMN public.jobs.failures IS 'attempts that ended badly';
COMMENT ON COLUMN public.jobs.not_before IS 'a retry starts then at the earliest';
COMMENT ON COLUMN public.jobs.retry_of IS 'the ended job that this one runs again';
COMMENT ON COLUMN public.jobs.lane IS 'jobs of one lane run lane_limit at a time';
COMMENT ON COLUMN public.jobs.schedule_id IS 'what submitted it';
COMMENT ON COLUMN public.jobs.scheduled_for IS 'the due instant that it is the answer to';
COMMENT ON COLUMN public.jobs.cancel_reason IS 'why somebody else than a user wants its end';
COMMENT ON COLUMN public.jobs.point IS 'its place in the sweep''s space: parameter -> value';
COMMENT ON COLUMN public.jobs.trial IS 'number of the sweep''s point, or of its Optuna trial';
COMMENT ON COLUMN public.jobs.memory IS 'bytes that all of its processes may have together';
COMMENT ON COLUMN public.jobs.secrets IS 'references, never values';
COMMENT ON COLUMN public.jobs.results IS 'what it left for others';
COMMENT ON COLUMN public.jobs.notify IS 'whom to tell of what';
COMMENT ON COLUMN public.jobs.resume IS 'a retry goes on behind a checkpoint';
COMMENT ON COLUMN public.jobs.request IS 'SHA-256 of what was asked for with the key';
COMMENT ON COLUMN public.jobs.gpus IS 'devices';
COMMENT ON COLUMN public.jobs.gpu_memory IS 'bytes of each device';
COMMENT ON COLUMN public.jobs.interruptible IS 'its devices can be taken back';
COMMENT ON COLUMN public.jobs.pruned_at IS 'the step at which its trial was found hopeless';
CREATE SEQUENCE public.jobs_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.jobs_id_seq OWNED BY public.jobs.id;
CREATE TABLE public.leases (
    id integer NOT NULL,
    state character varying(16) NOT NULL,
    owner character varying(200) NOT NULL,
    devices json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    host character varying(255) DEFAULT ''::character varying NOT NULL,
    kind character varying(16) DEFAULT 'process'::character varying NOT NULL,
    label character varying(200) DEFAULT ''::character varying NOT NULL,
    boot character varying(320),
    pid integer,
    pid_started double precision,
    count integer DEFAULT 1 NOT NULL,
    gpu_type character varying(100),
    memory bigint,
    wanted json,
    shared boolean DEFAULT false NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    place double precision DEFAULT '0'::double precision NOT NULL,
    load double precision DEFAULT '0'::double precision NOT NULL,
    cause text,
    held_up text,
    seconds double precision,
    granted_at timestamp with time zone,
    ends_at timestamp with time zone,
    ended_at timestamp with time zone,
    reason character varying(32),
    idempotency_key character varying(300),
    request character varying(64),
    notebook text,
    job_id integer,
    attempt integer,
    interruptible boolean DEFAULT false NOT NULL,
    wanted_by integer,
    idle_limit double precision,
    idle_since timestamp with time zone,
    idle_seconds double precision DEFAULT '0'::double precision NOT NULL,
    kept_until timestamp with time zone,
    seen_at timestamp with time zone,
    user_pid integer,
    user_started double precision,
    price double precision,
    deployment character varying(63)
);
COMMENT ON COLUMN public.leases.host IS 'whose devices';
COMMENT ON COLUMN public.leases.kind IS 'what it is for';
COMMENT ON COLUMN public.leases.boot IS 'which boot of which host pid is of';
COMMENT ON COLUMN public.leases.pid IS 'it ends with this process';
COMMENT ON COLUMN public.leases.memory IS 'bytes of each device';
COMMENT ON COLUMN public.leases.wanted IS 'UUIDs that it has to be';
COMMENT ON COLUMN public.leases.place IS 'order of those that wait on a host';
COMMENT ON COLUMN public.leases.load IS 'devices its owner had when it came';
COMMENT ON COLUMN public.leases.cause IS 'what came before it in the queue last';
COMMENT ON COLUMN public.leases.held_up IS 'what it waits for beside its turn';
COMMENT ON COLUMN public.leases.seconds IS 'how long it may be held';
COMMENT ON COLUMN public.leases.notebook IS 'what it is used from; a kernel of it takes a claim over that was made ahead';
COMMENT ON COLUMN public.leases.job_id IS 'it ends with this job''s attempt';
COMMENT ON COLUMN public.leases.wanted_by IS 'the claim for which it has to go';
COMMENT ON COLUMN public.leases.idle_limit IS 'seconds of rest after which its user is asked';
COMMENT ON COLUMN public.leases.idle_since IS 'nothing has happened on its devices since then';
COMMENT ON COLUMN public.leases.idle_seconds IS 'of rest, all together';
COMMENT ON COLUMN public.leases.kept_until IS 'its user wants it that long, at rest or not';
COMMENT ON COLUMN public.leases.seen_at IS 'when its devices were last looked at';
COMMENT ON COLUMN public.leases.user_pid IS 'while this process lives, nobody else gets the devices';
COMMENT ON COLUMN public.leases.price IS 'of one device for an hour';
COMMENT ON COLUMN public.leases.deployment IS 'it ends with this deployment''s process';
CREATE SEQUENCE public.leases_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.leases_id_seq OWNED BY public.leases.id;
CREATE TABLE public.notices (
    id integer NOT NULL,
    noun character varying(16) NOT NULL,
    key integer NOT NULL,
    owner character varying(200) NOT NULL,
    event character varying(16) NOT NULL,
    target text NOT NULL,
    text text NOT NULL,
    state character varying(16) NOT NULL,
    tries integer NOT NULL,
    not_before timestamp with time zone,
    message text,
    created_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone
);
COMMENT ON COLUMN public.notices.noun IS 'jobs, sweeps, pipelines, or models';
COMMENT ON COLUMN public.notices.key IS 'number of what it is about; of models, of the request';
COMMENT ON COLUMN public.notices.text IS 'what is said; the first line is the subject';
COMMENT ON COLUMN public.notices.message IS 'why it did not arrive';
CREATE SEQUENCE public.notices_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.notices_id_seq OWNED BY public.notices.id;
CREATE TABLE public.occurrences (
    schedule_id integer NOT NULL,
    scheduled_for timestamp with time zone NOT NULL,
    state character varying(16) NOT NULL,
    reason text,
    job_id integer,
    decided_at timestamp with time zone NOT NULL
);
CREATE TABLE public.outbox (
    id integer NOT NULL,
    topic character varying(32) NOT NULL,
    key character varying(250) NOT NULL,
    at timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.outbox_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.outbox_id_seq OWNED BY public.outbox.id;
CREATE TABLE public.pipelines (
    id integer NOT NULL,
    name character varying(200) NOT NULL,
    owner character varying(200) NOT NULL,
    state character varying(16) NOT NULL,
    folder text NOT NULL,
    parameters json NOT NULL,
    nodes json NOT NULL,
    notify json NOT NULL,
    cancel_requested boolean NOT NULL,
    message text,
    created_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    idempotency_key character varying(300),
    request character varying(64)
);
COMMENT ON COLUMN public.pipelines.folder IS 'has the notebooks as they were, by node';
COMMENT ON COLUMN public.pipelines.nodes IS 'in an order in which they may run';
CREATE SEQUENCE public.pipelines_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.pipelines_id_seq OWNED BY public.pipelines.id;
CREATE TABLE public.reservations (
    id integer NOT NULL,
    owner character varying(200) NOT NULL,
    whose character varying(201) NOT NULL,
    users json NOT NULL,
    host character varying(255) NOT NULL,
    devices json NOT NULL,
    label character varying(200) DEFAULT ''::character varying NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    cancelled_at timestamp with time zone,
    idempotency_key character varying(300),
    request character varying(64)
);
COMMENT ON COLUMN public.reservations.owner IS 'who made it';
COMMENT ON COLUMN public.reservations.whose IS 'a user, or @ and a group';
COMMENT ON COLUMN public.reservations.users IS 'who may have the devices';
CREATE SEQUENCE public.reservations_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.reservations_id_seq OWNED BY public.reservations.id;
CREATE TABLE public.schedules (
    id integer NOT NULL,
    name character varying(200) NOT NULL,
    owner character varying(200) NOT NULL,
    state character varying(16) NOT NULL,
    revision integer NOT NULL,
    notebook text NOT NULL,
    notebook_hash character varying(64) NOT NULL,
    folder text NOT NULL,
    job json NOT NULL,
    cron character varying(200),
    timezone character varying(64) NOT NULL,
    every double precision,
    at timestamp with time zone,
    starts_at timestamp with time zone NOT NULL,
    overlap character varying(16) NOT NULL,
    catch_up character varying(16) NOT NULL,
    catch_up_limit integer NOT NULL,
    max_lateness double precision,
    next_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    idempotency_key character varying(300),
    request character varying(64)
);
COMMENT ON COLUMN public.schedules.revision IS 'what If-Match names';
COMMENT ON COLUMN public.schedules.notebook IS 'absolute path; what runs is the copy in the folder';
COMMENT ON COLUMN public.schedules.notebook_hash IS 'of the pinned copy';
COMMENT ON COLUMN public.schedules.job IS 'what each of its jobs is asked for';
COMMENT ON COLUMN public.schedules.every IS 'seconds';
COMMENT ON COLUMN public.schedules.starts_at IS 'instants after this one are due; intervals count from it';
COMMENT ON COLUMN public.schedules.max_lateness IS 'seconds';
COMMENT ON COLUMN public.schedules.next_at IS 'the next instant that has no occurrence yet';
CREATE SEQUENCE public.schedules_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.schedules_id_seq OWNED BY public.schedules.id;
CREATE TABLE public.sweeps (
    id integer NOT NULL,
    name character varying(200) NOT NULL,
    owner character varying(200) NOT NULL,
    state character varying(16) NOT NULL,
    notebook text NOT NULL,
    folder text NOT NULL,
    job json NOT NULL,
    space json NOT NULL,
    strategy character varying(16) NOT NULL,
    trials integer NOT NULL,
    metric character varying(250),
    direction character varying(16) NOT NULL,
    parallel integer,
    seed integer NOT NULL,
    cancel_requested boolean NOT NULL,
    message text,
    created_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    idempotency_key character varying(300),
    request character varying(64),
    study json
);
COMMENT ON COLUMN public.sweeps.notebook IS 'absolute path; what runs is the copy in the folder';
COMMENT ON COLUMN public.sweeps.job IS 'fixed parameters and options of each of its jobs';
COMMENT ON COLUMN public.sweeps.trials IS 'how many points it has, or will have';
COMMENT ON COLUMN public.sweeps.study IS 'all objectives, constraints, sampler and pruner; null before there were any';
CREATE SEQUENCE public.sweeps_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.sweeps_id_seq OWNED BY public.sweeps.id;
ALTER TABLE ONLY public.alias_requests ALTER COLUMN id SET DEFAULT nextval('public.alias_requests_id_seq'::regclass);
ALTER TABLE ONLY public.engine ALTER COLUMN id SET DEFAULT nextval('public.engine_id_seq'::regclass);
ALTER TABLE ONLY public.jobs ALTER COLUMN id SET DEFAULT nextval('public.jobs_id_seq'::regclass);
ALTER TABLE ONLY public.leases ALTER COLUMN id SET DEFAULT nextval('public.leases_id_seq'::regclass);
ALTER TABLE ONLY public.notices ALTER COLUMN id SET DEFAULT nextval('public.notices_id_seq'::regclass);
ALTER TABLE ONLY public.outbox ALTER COLUMN id SET DEFAULT nextval('public.outbox_id_seq'::regclass);
ALTER TABLE ONLY public.pipelines ALTER COLUMN id SET DEFAULT nextval('public.pipelines_id_seq'::regclass);
ALTER TABLE ONLY public.reservations ALTER COLUMN id SET DEFAULT nextval('public.reservations_id_seq'::regclass);
ALTER TABLE ONLY public.schedules ALTER COLUMN id SET DEFAULT nextval('public.schedules_id_seq'::regclass);
ALTER TABLE ONLY public.sweeps ALTER COLUMN id SET DEFAULT nextval('public.sweeps_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0009');
INSERT INTO public.alias_requests VALUES (1, 'alias', 'träin''s', 'champion', '1', NULL, 'ana', '2026-03-29 01:11:59.123456+00', 'better on ''new'' customers', 'approved', NULL, 'ben', '2026-03-29 01:12:59.123456+00', '');
INSERT INTO public.alias_requests VALUES (2, 'alias', 'träin''s', 'champion', '2', '1', 'ana', '2026-03-29 01:11:59.123456+00', 'better on ''new'' customers', 'stale', NULL, NULL, NULL, '');
INSERT INTO public.alias_requests VALUES (3, 'alias', 'träin''s', 'champion', '3', '1', 'ana', '2026-03-29 01:11:59.123456+00', 'better on ''new'' customers', 'open', NULL, NULL, NULL, '');
INSERT INTO public.alias_requests VALUES (4, 'alias', 'träin''s', 'champion', '', '1', 'ana', '2026-03-29 01:11:59.123456+00', 'better on ''new'' customers', 'open', NULL, NULL, NULL, '');
INSERT INTO public.attempts VALUES (2, 2, 'failed', 'cell_error', NULL, '2026-03-29 01:01:59.123456+00', NULL, NULL, 'ffffffffffffffffffffffffffffffff', true, NULL, NULL);
INSERT INTO public.cells VALUES (2, 2, 0, 'ok', '2026-03-29 01:02:59.123456+00', '2026-03-29 01:03:59.123456+00', NULL, NULL, NULL);
INSERT INTO public.cells VALUES (2, 2, 1, 'ok', '2026-03-29 01:02:59.123456+00', '2026-03-29 01:03:59.123456+00', NULL, NULL, NULL);
INSERT INTO public.cells VALUES (2, 2, 2, 'error', '2026-03-29 01:02:59.123456+00', '2026-03-29 01:03:59.123456+00', NULL, NULL, NULL);
INSERT INTO public.deployments VALUES ('digits', 'ben', 'local', 'ready', 1, '[{"model": "digits", "version": "1", "uri": "models:/digits/1", "traffic": 100}]', 'http://127.0.0.1:40001', '/data/mlplat/run/endpoints/digits/token', '/data/mlplat/run/endpoints/digits', '{}', NULL, NULL, 0, false, '2026-03-29 01:09:59.123456+00', '2026-03-29 01:10:59.123456+00', NULL, 1, 'A100', 34359738368, false);
INSERT INTO public.devices VALUES ('GPU-1', 'gpu-host', 'NVIDIA A100-SXM4-80GB', 85899345920, 1, 0);
INSERT INTO public.devices VALUES ('GPU-2', 'gpu-host', 'NVIDIA A100-SXM4-80GB', 85899345920, NULL, 21474836480);
INSERT INTO public.devices VALUES ('GPU-3', 'gpu-host', 'NVIDIA A100-SXM4-80GB', 85899345920, 4, 0);
INSERT INTO public.devices VALUES ('GPU-4', 'gpu-host', 'NVIDIA A100-SXM4-80GB', 85899345920, 6, 0);
INSERT INTO public.engine VALUES (1, '0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f', 'host:boot', 4242, 1.5, '2026-03-29 01:00:59.123456+00', '2026-03-29 01:01:59.123456+00', NULL);
INSERT INTO public.feature_views VALUES ('training', 'ana', '/data/training.parquet', '["patient"]', 'seen_at', '[{"name": "radius", "type": "DOUBLE"}]', 86400, '', NULL, NULL, '2026-03-29 01:19:59.123456+00', '2026-03-29 01:19:59.123456+00');
INSERT INTO public.jobs VALUES (1, 'träin 1', '/data/notebooks/träin''s.ipynb', 'ana', 'succeeded', 1, '{"lr": 0.01, "layers": [1, null, true], "text": "1,5 \u20ac \u2603"}', '/data/mlplat/jobs/1', NULL, NULL, '2026-03-29 01:00:59.123456+00', '2026-03-29 01:01:59.123456+00', '2026-03-29 01:02:59.123456+00', NULL, NULL, NULL, NULL, '{"accuracy": 0.9736842105263158}', NULL, false, 3, 1, 'ana:1', NULL, 'local', 0, NULL, 0, NULL, 30, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, 0, NULL, NULL, false, false, 7);
INSERT INTO public.jobs VALUES (2, 'träin 2', '/data/notebooks/träin''s.ipynb', 'ana', 'failed', 2, '{"lr": 0.01, "layers": [1, null, true], "text": "1,5 \u20ac \u2603"}', '/data/mlplat/jobs/2', NULL, NULL, '2026-03-29 01:01:59.123456+00', '2026-03-29 01:02:59.123456+00', '2026-03-29 01:03:59.123456+00', NULL, 'cell_error', 'cell 3: ValueError: a ''quoted'' "text"
and a second line', NULL, '{}', NULL, false, 3, 2, 'ana:2', NULL, 'local', 0, NULL, 0, NULL, 30, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, 0, NULL, NULL, false, false, NULL);
INSERT INTO public.jobs VALUES (3, 'träin 3', '/data/notebooks/träin''s.ipynb', 'ana', 'cancelled', 3, '{"lr": 0.01, "layers": [1, null, true], "text": "1,5 \u20ac \u2603"}', '/data/mlplat/jobs/3', NULL, NULL, '2026-03-29 01:02:59.123456+00', '2026-03-29 01:03:59.123456+00', '2026-03-29 01:04:59.123456+00', NULL, 'cancelled', NULL, NULL, '{}', NULL, false, 3, 3, 'ana:3', NULL, 'local', 0, NULL, 0, NULL, 30, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, 0, NULL, NULL, false, false, NULL);
INSERT INTO public.jobs VALUES (4, 'träin 4', '/data/notebooks/träin''s.ipynb', 'ana', 'running', 4, '{"lr": 0.01, "layers": [1, null, true], "text": "1,5 \u20ac \u2603"}', '/data/mlplat/jobs/4', NULL, NULL, '2026-03-29 01:03:59.123456+00', '2026-03-29 01:04:59.123456+00', NULL, NULL, NULL, NULL, NULL, '{}', NULL, false, 3, 3, 'ana:4', NULL, 'local', 0, NULL, 0, NULL, 30, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, 1, 'A100', NULL, false, true, NULL);
INSERT INTO public.jobs VALUES (5, 'träin 5', '/data/notebooks/träin''s.ipynb', 'ana', 'queued', 0, '{"lr": 0.01, "layers": [1, null, true], "text": "1,5 \u20ac \u2603"}', '/data/mlplat/jobs/5', NULL, NULL, '2026-03-29 01:04:59.123456+00', NULL, NULL, NULL, NULL, NULL, NULL, '{}', NULL, false, 3, 3, 'ana:5', NULL, 'local', 0, NULL, 0, NULL, 30, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, 0, NULL, NULL, false, false, NULL);
INSERT INTO public.leases VALUES (1, 'granted', 'ana', '["GPU-1"]', '2026-03-29 01:29:59.123456+00', 'gpu-host', 'kernel', 'träin''s.ipynb', 'gpu-host:boot', 4242, 1.5, 1, 'A100', 34359738368, NULL, false, 0, 0, 0, NULL, NULL, NULL, '2026-03-29 01:30:59.123456+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.leases VALUES (2, 'granted', 'ana', '["GPU-2"]', '2026-03-29 01:29:59.123456+00', 'gpu-host', 'process', '', NULL, NULL, NULL, 1, NULL, 21474836480, NULL, true, 0, 0, 0, NULL, NULL, 3600, '2026-03-29 01:30:59.123456+00', '2026-03-29 02:30:59.123456+00', NULL, NULL, 'ana:1', NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.leases VALUES (3, 'queued', 'ana', '[]', '2026-03-29 01:29:59.123456+00', 'gpu-host', 'process', '', NULL, NULL, NULL, 2, NULL, NULL, '["GPU-1", "GPU-2"]', false, 5, 0.5, 2.25, 'request 4 of ben came before it: priority 6', 'ana has 2 of the 2 …', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.leases VALUES (4, 'granted', 'ana', '["GPU-3"]', '2026-03-29 01:29:59.123456+00', 'gpu-host', 'job', '', NULL, NULL, NULL, 1, NULL, NULL, NULL, false, 0, 0, 0, NULL, NULL, NULL, '2026-03-29 01:03:59.123456+00', NULL, NULL, NULL, NULL, NULL, '/data/notebooks/träin''s.ipynb', 4, 4, true, 3, 600, '2026-03-29 01:19:59.123456+00', 60, '2026-03-29 01:49:59.123456+00', '2026-03-29 01:29:59.123456+00', NULL, NULL, 2.5, NULL);
INSERT INTO public.leases VALUES (5, 'expired', 'ana', '["GPU-1"]', '2026-03-29 01:29:59.123456+00', 'gpu-host', 'process', '', NULL, NULL, NULL, 1, NULL, NULL, NULL, false, 0, 0, 0, NULL, NULL, NULL, '2026-03-29 01:04:59.123456+00', NULL, '2026-03-29 01:05:59.123456+00', 'owner_gone', NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.leases VALUES (6, 'granted', 'ana', '["GPU-4"]', '2026-03-29 01:29:59.123456+00', 'gpu-host', 'deployment', 'digits', NULL, NULL, NULL, 1, NULL, NULL, NULL, false, 0, 0, 0, NULL, NULL, NULL, '2026-03-29 01:09:59.123456+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, 'digits');
INSERT INTO public.notices VALUES (1, 'jobs', 2, 'ana', 'failure', 'mailto:ana@example.org', 'träin 2 failed
cell 3: ValueError', 'pending', 1, '2026-03-29 01:04:59.123456+00', NULL, '2026-03-29 01:03:59.123456+00', NULL);
INSERT INTO public.occurrences VALUES (1, '2026-03-29 01:01:59.123456+00', 'ran', NULL, 2, '2026-03-29 01:01:59.123456+00');
INSERT INTO public.outbox VALUES (1, 'jobs', '5', '2026-11-22 12:43:48.174139+00');
INSERT INTO public.pipelines VALUES (1, 'nächtlich', 'ana', 'running', '/data/mlplat/pipelines/1', '{"day": "2026-03-29"}', '[{"name": "train", "notebook": "/data/notebooks/tr\u00e4in''s.ipynb", "needs": []}]', '[{"to": "mailto:ana@example.org", "on": ["failure"], "after": null}]', false, NULL, '2026-03-29 01:00:59.123456+00', NULL, NULL, NULL);
INSERT INTO public.reservations VALUES (1, 'ana', '@course', '["ben"]', 'gpu-host', '["GPU-1"]', 'träining', '2026-03-29 10:59:59.123456+00', '2026-03-29 12:59:59.123456+00', '2026-03-29 01:29:59.123456+00', NULL, 'ana:1', NULL);
INSERT INTO public.reservations VALUES (2, 'ana', 'ben', '["ana", "ben"]', 'gpu-host', '["GPU-2"]', 'träining', '2026-03-29 10:59:59.123456+00', '2026-03-29 12:59:59.123456+00', '2026-03-29 01:29:59.123456+00', '2026-03-29 01:39:59.123456+00', 'ana:2', NULL);
INSERT INTO public.schedules VALUES (1, 'nächtlich', 'ana', 'active', 1, '/data/notebooks/träin''s.ipynb', '0000000000000000000000000000000000000000000000000000000000000000', '/data/mlplat/schedules/1', '{"parameters": {"lr": 0.01}, "options": {"retries": 1}}', '30 2 * * *', 'Europe/Berlin', NULL, NULL, '2026-03-29 01:00:59.123456+00', 'queue', 'latest', 100, NULL, '2026-03-29 01:59:59.123456+00', '2026-03-29 01:00:59.123456+00', '2026-03-29 01:00:59.123456+00', NULL, NULL);
INSERT INTO public.sweeps VALUES (1, 'träin', 'ana', 'partial', '/data/notebooks/träin''s.ipynb', '/data/mlplat/sweeps/1', '{"parameters": {}, "options": {}}', '{"lr": [0.1, 0.01], "depth": {"low": 1, "high": 9, "log": false}}', 'optuna', 2, 'loss', 'minimize', NULL, 0, false, NULL, '2026-03-29 01:00:59.123456+00', NULL, NULL, NULL, '{"objectives": [{"metric": "loss", "direction": "minimize"}], "constraints": ["latency <= 0.2"], "sampler": "tpe", "pruner": "median", "metrics": ["loss", "latency"]}');
SELECT pg_catalog.setval('public.alias_requests_id_seq', 4, true);
SELECT pg_catalog.setval('public.engine_id_seq', 1, false);
SELECT pg_catalog.setval('public.jobs_id_seq', 5, true);
SELECT pg_catalog.setval('public.leases_id_seq', 6, true);
SELECT pg_catalog.setval('public.notices_id_seq', 1, true);
SELECT pg_catalog.setval('public.outbox_id_seq', 1, true);
SELECT pg_catalog.setval('public.pipelines_id_seq', 1, true);
SELECT pg_catalog.setval('public.reservations_id_seq', 2, true);
SELECT pg_catalog.setval('public.schedules_id_seq', 1, true);
SELECT pg_catalog.setval('public.sweeps_id_seq', 1, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.alias_requests
    ADD CONSTRAINT pk_alias_requests PRIMARY KEY (id);
ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT pk_attempts PRIMARY KEY (job_id, number);
ALTER TABLE ONLY public.cells
    ADD CONSTRAINT pk_cells PRIMARY KEY (job_id, attempt, index);
ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT pk_deployments PRIMARY KEY (name);
ALTER TABLE ONLY public.devices
    ADD CONSTRAINT pk_devices PRIMARY KEY (uuid);
ALTER TABLE ONLY public.engine
    ADD CONSTRAINT pk_engine PRIMARY KEY (id);
ALTER TABLE ONLY public.feature_views
    ADD CONSTRAINT pk_feature_views PRIMARY KEY (name);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT pk_jobs PRIMARY KEY (id);
ALTER TABLE ONLY public.leases
    ADD CONSTRAINT pk_leases PRIMARY KEY (id);
ALTER TABLE ONLY public.notices
    ADD CONSTRAINT pk_notices PRIMARY KEY (id);
ALTER TABLE ONLY public.occurrences
    ADD CONSTRAINT pk_occurrences PRIMARY KEY (schedule_id, scheduled_for);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT pk_outbox PRIMARY KEY (id);
ALTER TABLE ONLY public.pipelines
    ADD CONSTRAINT pk_pipelines PRIMARY KEY (id);
ALTER TABLE ONLY public.reservations
    ADD CONSTRAINT pk_reservations PRIMARY KEY (id);
ALTER TABLE ONLY public.schedules
    ADD CONSTRAINT pk_schedules PRIMARY KEY (id);
ALTER TABLE ONLY public.sweeps
    ADD CONSTRAINT pk_sweeps PRIMARY KEY (id);
ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT uq_deployments_idempotency_key UNIQUE (idempotency_key);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT uq_jobs_idempotency_key UNIQUE (idempotency_key);
ALTER TABLE ONLY public.pipelines
    ADD CONSTRAINT uq_pipelines_idempotency_key UNIQUE (idempotency_key);
ALTER TABLE ONLY public.schedules
    ADD CONSTRAINT uq_schedules_idempotency_key UNIQUE (idempotency_key);
ALTER TABLE ONLY public.sweeps
    ADD CONSTRAINT uq_sweeps_idempotency_key UNIQUE (idempotency_key);
CREATE INDEX ix_alias_requests_model_id ON public.alias_requests USING btree (model, id);
CREATE UNIQUE INDEX ix_alias_requests_open ON public.alias_requests USING btree (model, kind, alias, version, asked_by) WHERE ((state)::text = 'open'::text);
CREATE INDEX ix_alias_requests_state ON public.alias_requests USING btree (state, id);
CREATE INDEX ix_attempts_run_closed ON public.attempts USING btree (run_closed, state);
CREATE INDEX ix_deployments_owner ON public.deployments USING btree (owner);
CREATE INDEX ix_devices_host ON public.devices USING btree (host);
CREATE INDEX ix_feature_views_owner ON public.feature_views USING btree (owner);
CREATE INDEX ix_jobs_gpus ON public.jobs USING btree (state, gpus);
CREATE INDEX ix_jobs_notebook_id ON public.jobs USING btree (notebook, id);
CREATE INDEX ix_jobs_owner ON public.jobs USING btree (owner);
CREATE INDEX ix_jobs_pipeline_id ON public.jobs USING btree (pipeline_id, id);
CREATE INDEX ix_jobs_queue ON public.jobs USING btree (state, priority, id);
CREATE INDEX ix_jobs_schedule_id ON public.jobs USING btree (schedule_id, id);
CREATE INDEX ix_jobs_state_id ON public.jobs USING btree (state, id);
CREATE INDEX ix_jobs_sweep_id ON public.jobs USING btree (sweep_id, id);
CREATE UNIQUE INDEX ix_leases_deployment ON public.leases USING btree (deployment) WHERE ((deployment IS NOT NULL) AND ((state)::text = ANY ((ARRAY['queued'::character varying, 'granted'::character varying])::text[])));
CREATE UNIQUE INDEX ix_leases_idempotency_key ON public.leases USING btree (idempotency_key);
CREATE INDEX ix_leases_job ON public.leases USING btree (job_id, state);
CREATE UNIQUE INDEX ix_leases_job_id ON public.leases USING btree (job_id) WHERE ((state)::text = ANY ((ARRAY['queued'::character varying, 'granted'::character varying])::text[]));
CREATE INDEX ix_leases_owner_ended ON public.leases USING btree (owner, ended_at);
CREATE INDEX ix_leases_queue ON public.leases USING btree (host, state, place);
CREATE INDEX ix_leases_state ON public.leases USING btree (state, id);
CREATE INDEX ix_notices_about ON public.notices USING btree (noun, key);
CREATE INDEX ix_notices_due ON public.notices USING btree (state, not_before);
CREATE INDEX ix_outbox_at ON public.outbox USING btree (at);
CREATE INDEX ix_pipelines_owner ON public.pipelines USING btree (owner);
CREATE INDEX ix_pipelines_state ON public.pipelines USING btree (state);
CREATE INDEX ix_reservations_host_ends ON public.reservations USING btree (host, ends_at);
CREATE UNIQUE INDEX ix_reservations_idempotency_key ON public.reservations USING btree (idempotency_key);
CREATE INDEX ix_schedules_due ON public.schedules USING btree (state, next_at);
CREATE INDEX ix_schedules_owner ON public.schedules USING btree (owner);
CREATE INDEX ix_sweeps_owner ON public.sweeps USING btree (owner);
CREATE INDEX ix_sweeps_state ON public.sweeps USING btree (state);
ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT fk_attempts_job_id_jobs FOREIGN KEY (job_id) REFERENCES public.jobs(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.cells
    ADD CONSTRAINT fk_cells_job_id_jobs FOREIGN KEY (job_id) REFERENCES public.jobs(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.devices
    ADD CONSTRAINT fk_devices_lease_id_leases FOREIGN KEY (lease_id) REFERENCES public.leases(id);
ALTER TABLE ONLY public.occurrences
    ADD CONSTRAINT fk_occurrences_schedule_id_schedules FOREIGN KEY (schedule_id) REFERENCES public.schedules(id) ON DELETE CASCADE;
