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
CREATE TABLE public.cells (
    job_id integer NOT NULL,
    attempt integer NOT NULL,
    index integer NOT NULL,
    state character varying(16) NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    error text
);
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
    idempotency_key character varying(300)
);
COMMENT ON COLUMN public.deployments.revision IS 'fencing token of the supervisor';
COMMENT ON COLUMN public.deployments.handle IS 'how the target finds its process again';
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
    run_closed boolean NOT NULL,
    metric json NOT NULL,
    metric_name character varying(250),
    cancel_requested boolean NOT NULL,
    cells_total integer NOT NULL,
    cells_done integer NOT NULL,
    idempotency_key character varying(300)
);
COMMENT ON COLUMN public.jobs.notebook IS 'absolute path on the submitting host';
COMMENT ON COLUMN public.jobs.attempt IS 'fencing token: late writers lose';
COMMENT ON COLUMN public.jobs.seen_at IS 'the runner''s last sign of life';
COMMENT ON COLUMN public.jobs.run_closed IS 'the MLflow run has its end and its notebook';
COMMENT ON COLUMN public.jobs.metric_name IS 'metadata.mlplat.metric of the notebook';
COMMENT ON COLUMN public.jobs.idempotency_key IS 'owner and the client''s key';
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
    created_at timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.leases_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.leases_id_seq OWNED BY public.leases.id;
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
ALTER TABLE ONLY public.engine ALTER COLUMN id SET DEFAULT nextval('public.engine_id_seq'::regclass);
ALTER TABLE ONLY public.jobs ALTER COLUMN id SET DEFAULT nextval('public.jobs_id_seq'::regclass);
ALTER TABLE ONLY public.leases ALTER COLUMN id SET DEFAULT nextval('public.leases_id_seq'::regclass);
ALTER TABLE ONLY public.outbox ALTER COLUMN id SET DEFAULT nextval('public.outbox_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0001');
INSERT INTO public.cells VALUES (2, 2, 0, 'ok', '2026-03-29 01:02:59.123456+00', '2026-03-29 01:03:59.123456+00', NULL);
INSERT INTO public.cells VALUES (2, 2, 1, 'ok', '2026-03-29 01:02:59.123456+00', '2026-03-29 01:03:59.123456+00', NULL);
INSERT INTO public.cells VALUES (2, 2, 2, 'error', '2026-03-29 01:02:59.123456+00', '2026-03-29 01:03:59.123456+00', NULL);
INSERT INTO public.deployments VALUES ('digits', 'ben', 'local', 'ready', 1, '[{"model": "digits", "version": "1", "uri": "models:/digits/1", "traffic": 100}]', 'http://127.0.0.1:40001', '/data/mlplat/run/endpoints/digits/token', '/data/mlplat/run/endpoints/digits', '{}', NULL, NULL, 0, false, '2026-03-29 01:09:59.123456+00', '2026-03-29 01:10:59.123456+00', NULL);
INSERT INTO public.engine VALUES (1, '0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f', 'host:boot', 4242, 1.5, '2026-03-29 01:00:59.123456+00', '2026-03-29 01:01:59.123456+00', NULL);
INSERT INTO public.feature_views VALUES ('training', 'ana', '/data/training.parquet', '["patient"]', 'seen_at', '[{"name": "radius", "type": "DOUBLE"}]', 86400, '', NULL, NULL, '2026-03-29 01:19:59.123456+00', '2026-03-29 01:19:59.123456+00');
INSERT INTO public.jobs VALUES (1, 'träin 1', '/data/notebooks/träin''s.ipynb', 'ana', 'succeeded', 1, '{"lr": 0.01, "layers": [1, null, true], "text": "1,5 \u20ac \u2603"}', '/data/mlplat/jobs/1', NULL, NULL, '2026-03-29 01:00:59.123456+00', '2026-03-29 01:01:59.123456+00', '2026-03-29 01:02:59.123456+00', NULL, NULL, NULL, NULL, false, '{"accuracy": 0.9736842105263158}', NULL, false, 3, 1, 'ana:1');
INSERT INTO public.jobs VALUES (2, 'träin 2', '/data/notebooks/träin''s.ipynb', 'ana', 'failed', 2, '{"lr": 0.01, "layers": [1, null, true], "text": "1,5 \u20ac \u2603"}', '/data/mlplat/jobs/2', NULL, NULL, '2026-03-29 01:01:59.123456+00', '2026-03-29 01:02:59.123456+00', '2026-03-29 01:03:59.123456+00', NULL, 'cell_error', 'cell 3: ValueError: a ''quoted'' "text"
and a second line', NULL, false, '{}', NULL, false, 3, 2, 'ana:2');
INSERT INTO public.jobs VALUES (3, 'träin 3', '/data/notebooks/träin''s.ipynb', 'ana', 'cancelled', 3, '{"lr": 0.01, "layers": [1, null, true], "text": "1,5 \u20ac \u2603"}', '/data/mlplat/jobs/3', NULL, NULL, '2026-03-29 01:02:59.123456+00', '2026-03-29 01:03:59.123456+00', '2026-03-29 01:04:59.123456+00', NULL, 'cancelled', NULL, NULL, false, '{}', NULL, false, 3, 3, 'ana:3');
INSERT INTO public.jobs VALUES (4, 'träin 4', '/data/notebooks/träin''s.ipynb', 'ana', 'running', 4, '{"lr": 0.01, "layers": [1, null, true], "text": "1,5 \u20ac \u2603"}', '/data/mlplat/jobs/4', NULL, NULL, '2026-03-29 01:03:59.123456+00', '2026-03-29 01:04:59.123456+00', NULL, NULL, NULL, NULL, NULL, false, '{}', NULL, false, 3, 3, 'ana:4');
INSERT INTO public.jobs VALUES (5, 'träin 5', '/data/notebooks/träin''s.ipynb', 'ana', 'queued', 0, '{"lr": 0.01, "layers": [1, null, true], "text": "1,5 \u20ac \u2603"}', '/data/mlplat/jobs/5', NULL, NULL, '2026-03-29 01:04:59.123456+00', NULL, NULL, NULL, NULL, NULL, NULL, false, '{}', NULL, false, 3, 3, 'ana:5');
INSERT INTO public.leases VALUES (1, 'granted', 'ana', '["GPU-1"]', '2026-03-29 01:29:59.123456+00');
INSERT INTO public.outbox VALUES (1, 'jobs', '5', '2026-11-21 05:25:41.979104+00');
SELECT pg_catalog.setval('public.engine_id_seq', 1, false);
SELECT pg_catalog.setval('public.jobs_id_seq', 5, true);
SELECT pg_catalog.setval('public.leases_id_seq', 1, true);
SELECT pg_catalog.setval('public.outbox_id_seq', 1, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.cells
    ADD CONSTRAINT pk_cells PRIMARY KEY (job_id, attempt, index);
ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT pk_deployments PRIMARY KEY (name);
ALTER TABLE ONLY public.engine
    ADD CONSTRAINT pk_engine PRIMARY KEY (id);
ALTER TABLE ONLY public.feature_views
    ADD CONSTRAINT pk_feature_views PRIMARY KEY (name);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT pk_jobs PRIMARY KEY (id);
ALTER TABLE ONLY public.leases
    ADD CONSTRAINT pk_leases PRIMARY KEY (id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT pk_outbox PRIMARY KEY (id);
ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT uq_deployments_idempotency_key UNIQUE (idempotency_key);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT uq_jobs_idempotency_key UNIQUE (idempotency_key);
CREATE INDEX ix_deployments_owner ON public.deployments USING btree (owner);
CREATE INDEX ix_feature_views_owner ON public.feature_views USING btree (owner);
CREATE INDEX ix_jobs_owner ON public.jobs USING btree (owner);
CREATE INDEX ix_jobs_state_id ON public.jobs USING btree (state, id);
CREATE INDEX ix_leases_state ON public.leases USING btree (state);
CREATE INDEX ix_outbox_at ON public.outbox USING btree (at);
ALTER TABLE ONLY public.cells
    ADD CONSTRAINT fk_cells_job_id_jobs FOREIGN KEY (job_id) REFERENCES public.jobs(id) ON DELETE CASCADE;
