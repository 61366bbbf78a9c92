BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0009');
CREATE TABLE alias_requests (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	kind VARCHAR(16) NOT NULL, 
	model VARCHAR(256) NOT NULL, 
	alias VARCHAR(255) NOT NULL, 
	version VARCHAR(16) NOT NULL, 
	"before" VARCHAR(16), 
	asked_by VARCHAR(200) NOT NULL, 
	asked_at DATETIME NOT NULL, 
	why TEXT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	claimed_at DATETIME, 
	decided_by VARCHAR(200), 
	decided_at DATETIME, 
	decision_why TEXT DEFAULT '' NOT NULL
);
INSERT INTO "alias_requests" VALUES(1,'alias','träin''s','champion','1',NULL,'ana','2026-03-29 01:11:59.123456','better on ''new'' customers','approved',NULL,'ben','2026-03-29 01:12:59.123456','');
INSERT INTO "alias_requests" VALUES(2,'alias','träin''s','champion','2','1','ana','2026-03-29 01:11:59.123456','better on ''new'' customers','stale',NULL,NULL,NULL,'');
INSERT INTO "alias_requests" VALUES(3,'alias','träin''s','champion','3','1','ana','2026-03-29 01:11:59.123456','better on ''new'' customers','open',NULL,NULL,NULL,'');
INSERT INTO "alias_requests" VALUES(4,'alias','träin''s','champion','','1','ana','2026-03-29 01:11:59.123456','better on ''new'' customers','open',NULL,NULL,NULL,'');
CREATE TABLE attempts (
	job_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason VARCHAR(32), 
	message TEXT, 
	claimed_at DATETIME NOT NULL, 
	started_at DATETIME, 
	ended_at DATETIME, 
	run_id VARCHAR(64), 
	run_closed BOOLEAN NOT NULL, 
	peak_rss BIGINT, note TEXT, 
	CONSTRAINT pk_attempts PRIMARY KEY (job_id, number), 
	CONSTRAINT fk_attempts_job_id_jobs FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
INSERT INTO "attempts" VALUES(2,2,'failed','cell_error',NULL,'2026-03-29 01:01:59.123456',NULL,NULL,'ffffffffffffffffffffffffffffffff',1,NULL,NULL);
CREATE TABLE cells (
	job_id INTEGER NOT NULL, 
	attempt INTEGER NOT NULL, 
	"index" INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	started_at DATETIME, 
	ended_at DATETIME, 
	error TEXT, peak_rss BIGINT, peak_gpu_memory BIGINT, 
	CONSTRAINT pk_cells PRIMARY KEY (job_id, attempt, "index"), 
	CONSTRAINT fk_cells_job_id_jobs FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
INSERT INTO "cells" VALUES(2,2,0,'ok','2026-03-29 01:02:59.123456','2026-03-29 01:03:59.123456',NULL,NULL,NULL);
INSERT INTO "cells" VALUES(2,2,1,'ok','2026-03-29 01:02:59.123456','2026-03-29 01:03:59.123456',NULL,NULL,NULL);
INSERT INTO "cells" VALUES(2,2,2,'error','2026-03-29 01:02:59.123456','2026-03-29 01:03:59.123456',NULL,NULL,NULL);
CREATE TABLE deployments (
	name VARCHAR(63) NOT NULL, 
	owner VARCHAR(200) NOT NULL, 
	target VARCHAR(32) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	revision INTEGER NOT NULL, 
	versions JSON NOT NULL, 
	url TEXT, 
	token_file TEXT NOT NULL, 
	folder TEXT NOT NULL, 
	handle JSON NOT NULL, 
	example JSON, 
	message TEXT, 
	restarts INTEGER NOT NULL, 
	stop_requested BOOLEAN NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	idempotency_key VARCHAR(300), gpus INTEGER DEFAULT '0' NOT NULL, gpu_type VARCHAR(100), gpu_memory BIGINT, gpu_shared BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_deployments PRIMARY KEY (name), 
	CONSTRAINT uq_deployments_idempotency_key UNIQUE (idempotency_key)
);
INSERT INTO "deployments" VALUES('digits','ben','local','ready',1,'[{"model": "digits", "version": "1", "uri": "models:/digits/1", "traffic": 100}]','http://127.0.0.1:40001','/data/mlplat/run/endpoints/digits/token','/data/mlplat/run/endpoints/digits','{}',NULL,NULL,0,0,'2026-03-29 01:09:59.123456','2026-03-29 01:10:59.123456',NULL,1,'A100',34359738368,0);
CREATE TABLE devices (
	uuid VARCHAR(100) NOT NULL, 
	host VARCHAR(255) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	memory BIGINT NOT NULL, 
	lease_id INTEGER, 
	shared BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_devices PRIMARY KEY (uuid), 
	CONSTRAINT ck_devices_whole_or_shared CHECK (lease_id IS NULL OR shared = 0), 
	CONSTRAINT ck_devices_no_more_than_it_has CHECK (shared >= 0 AND shared <= memory), 
	CONSTRAINT fk_devices_lease_id_leases FOREIGN KEY(lease_id) REFERENCES leases (id)
);
INSERT INTO "devices" VALUES('GPU-1','gpu-host','NVIDIA A100-SXM4-80GB',85899345920,1,0);
INSERT INTO "devices" VALUES('GPU-2','gpu-host','NVIDIA A100-SXM4-80GB',85899345920,NULL,21474836480);
INSERT INTO "devices" VALUES('GPU-3','gpu-host','NVIDIA A100-SXM4-80GB',85899345920,4,0);
INSERT INTO "devices" VALUES('GPU-4','gpu-host','NVIDIA A100-SXM4-80GB',85899345920,6,0);
CREATE TABLE engine (
	id INTEGER NOT NULL, 
	holder VARCHAR(64) NOT NULL, 
	host VARCHAR(255) NOT NULL, 
	pid INTEGER NOT NULL, 
	pid_started FLOAT NOT NULL, 
	since DATETIME NOT NULL, 
	expires DATETIME NOT NULL, 
	stop_requested VARCHAR(16), 
	CONSTRAINT pk_engine PRIMARY KEY (id)
);
INSERT INTO "engine" VALUES(1,'0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f','host:boot',4242,1.5,'2026-03-29 01:00:59.123456','2026-03-29 01:01:59.123456',NULL);
CREATE TABLE feature_views (
	name VARCHAR(63) NOT NULL, 
	owner VARCHAR(200) NOT NULL, 
	source TEXT NOT NULL, 
	entities JSON NOT NULL, 
	timestamp VARCHAR(250) NOT NULL, 
	features JSON NOT NULL, 
	ttl FLOAT, 
	description TEXT NOT NULL, 
	rows INTEGER, 
	materialized_at DATETIME, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	CONSTRAINT pk_feature_views PRIMARY KEY (name)
);
INSERT INTO "feature_views" VALUES('training','ana','/data/training.parquet','["patient"]','seen_at','[{"name": "radius", "type": "DOUBLE"}]',86400.0,'',NULL,NULL,'2026-03-29 01:19:59.123456','2026-03-29 01:19:59.123456');
CREATE TABLE jobs (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR(200) NOT NULL, 
	notebook TEXT NOT NULL, 
	owner VARCHAR(200) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	attempt INTEGER NOT NULL, 
	parameters JSON NOT NULL, 
	folder TEXT NOT NULL, 
	timeout FLOAT, 
	cell_timeout FLOAT, 
	submitted_at DATETIME NOT NULL, 
	started_at DATETIME, 
	ended_at DATETIME, 
	seen_at DATETIME, 
	reason VARCHAR(32), 
	message TEXT, 
	run_id VARCHAR(64), 
	metric JSON NOT NULL, 
	metric_name VARCHAR(250), 
	cancel_requested BOOLEAN NOT NULL, 
	cells_total INTEGER NOT NULL, 
	cells_done INTEGER NOT NULL, 
	idempotency_key VARCHAR(300), notebook_hash VARCHAR(64), backend VARCHAR(64) DEFAULT 'local' NOT NULL, priority INTEGER DEFAULT '0' NOT NULL, deadline_at DATETIME, retries INTEGER DEFAULT '0' NOT NULL, retry_on JSON, retry_delay FLOAT DEFAULT '30' NOT NULL, failures INTEGER DEFAULT '0' NOT NULL, not_before DATETIME, retry_of INTEGER, lane VARCHAR(64), lane_limit INTEGER, schedule_id INTEGER, scheduled_for DATETIME, cancel_reason VARCHAR(32), sweep_id INTEGER, point JSON, trial INTEGER, memory BIGINT, secrets JSON, pipeline_id INTEGER, node VARCHAR(63), results JSON, notify JSON, resume BOOLEAN DEFAULT 1 NOT NULL, request VARCHAR(64), gpus INTEGER DEFAULT '0' NOT NULL, gpu_type VARCHAR(100), gpu_memory BIGINT, gpu_shared BOOLEAN DEFAULT 0 NOT NULL, interruptible BOOLEAN DEFAULT 0 NOT NULL, pruned_at INTEGER, 
	CONSTRAINT uq_jobs_idempotency_key UNIQUE (idempotency_key)
);
INSERT INTO "jobs" VALUES(1,'träin 1','/data/notebooks/träin''s.ipynb','ana','succeeded',1,'{"lr": 0.01, "layers": [1, null, true], "text": "1,5 \u20ac \u2603"}','/data/mlplat/jobs/1',NULL,NULL,'2026-03-29 01:00:59.123456','2026-03-29 01:01:59.123456','2026-03-29 01:02:59.123456',NULL,NULL,NULL,NULL,'{"accuracy": 0.9736842105263158}',NULL,0,3,1,'ana:1',NULL,'local',0,NULL,0,NULL,30.0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL,0,NULL,NULL,0,0,7);
INSERT INTO "jobs" VALUES(2,'träin 2','/data/notebooks/träin''s.ipynb','ana','failed',2,'{"lr": 0.01, "layers": [1, null, true], "text": "1,5 \u20ac \u2603"}','/data/mlplat/jobs/2',NULL,NULL,'2026-03-29 01:01:59.123456','2026-03-29 01:02:59.123456','2026-03-29 01:03:59.123456',NULL,'cell_error','cell 3: ValueError: a ''quoted'' "text"
and a second line',NULL,'{}',NULL,0,3,2,'ana:2',NULL,'local',0,NULL,0,NULL,30.0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL,0,NULL,NULL,0,0,NULL);
INSERT INTO "jobs" VALUES(3,'träin 3','/data/notebooks/träin''s.ipynb','ana','cancelled',3,'{"lr": 0.01, "layers": [1, null, true], "text": "1,5 \u20ac \u2603"}','/data/mlplat/jobs/3',NULL,NULL,'2026-03-29 01:02:59.123456','2026-03-29 01:03:59.123456','2026-03-29 01:04:59.123456',NULL,'cancelled',NULL,NULL,'{}',NULL,0,3,3,'ana:3',NULL,'local',0,NULL,0,NULL,30.0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL,0,NULL,NULL,0,0,NULL);
INSERT INTO "jobs" VALUES(4,'träin 4','/data/notebooks/träin''s.ipynb','ana','running',4,'{"lr": 0.01, "layers": [1, null, true], "text": "1,5 \u20ac \u2603"}','/data/mlplat/jobs/4',NULL,NULL,'2026-03-29 01:03:59.123456','2026-03-29 01:04:59.123456',NULL,NULL,NULL,NULL,NULL,'{}',NULL,0,3,3,'ana:4',NULL,'local',0,NULL,0,NULL,30.0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL,1,'A100',NULL,0,1,NULL);
INSERT INTO "jobs" VALUES(5,'träin 5','/data/notebooks/träin''s.ipynb','ana','queued',0,'{"lr": 0.01, "layers": [1, null, true], "text": "1,5 \u20ac \u2603"}','/data/mlplat/jobs/5',NULL,NULL,'2026-03-29 01:04:59.123456',NULL,NULL,NULL,NULL,NULL,NULL,'{}',NULL,0,3,3,'ana:5',NULL,'local',0,NULL,0,NULL,30.0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL,0,NULL,NULL,0,0,NULL);
CREATE TABLE leases (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	state VARCHAR(16) NOT NULL, 
	owner VARCHAR(200) NOT NULL, 
	devices JSON NOT NULL, 
	created_at DATETIME NOT NULL
, host VARCHAR(255) DEFAULT '' NOT NULL, kind VARCHAR(16) DEFAULT 'process' NOT NULL, label VARCHAR(200) DEFAULT '' NOT NULL, boot VARCHAR(320), pid INTEGER, pid_started FLOAT, count INTEGER DEFAULT '1' NOT NULL, gpu_type VARCHAR(100), memory BIGINT, wanted JSON, shared BOOLEAN DEFAULT 0 NOT NULL, priority INTEGER DEFAULT '0' NOT NULL, place FLOAT DEFAULT '0' NOT NULL, load FLOAT DEFAULT '0' NOT NULL, cause TEXT, held_up TEXT, seconds FLOAT, granted_at DATETIME, ends_at DATETIME, ended_at DATETIME, reason VARCHAR(32), idempotency_key VARCHAR(300), request VARCHAR(64), notebook TEXT, job_id INTEGER, attempt INTEGER, interruptible BOOLEAN DEFAULT 0 NOT NULL, wanted_by INTEGER, idle_limit FLOAT, idle_since DATETIME, idle_seconds FLOAT DEFAULT '0' NOT NULL, kept_until DATETIME, seen_at DATETIME, user_pid INTEGER, user_started FLOAT, price FLOAT, deployment VARCHAR(63));
INSERT INTO "leases" VALUES(1,'granted','ana','["GPU-1"]','2026-03-29 01:29:59.123456','gpu-host','kernel','träin''s.ipynb','gpu-host:boot',4242,1.5,1,'A100',34359738368,NULL,0,0,0.0,0.0,NULL,NULL,NULL,'2026-03-29 01:30:59.123456',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0.0,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "leases" VALUES(2,'granted','ana','["GPU-2"]','2026-03-29 01:29:59.123456','gpu-host','process','',NULL,NULL,NULL,1,NULL,21474836480,NULL,1,0,0.0,0.0,NULL,NULL,3600.0,'2026-03-29 01:30:59.123456','2026-03-29 02:30:59.123456',NULL,NULL,'ana:1',NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0.0,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "leases" VALUES(3,'queued','ana','[]','2026-03-29 01:29:59.123456','gpu-host','process','',NULL,NULL,NULL,2,NULL,NULL,'["GPU-1", "GPU-2"]',0,5,0.5,2.25,'request 4 of ben came before it: priority 6','ana has 2 of the 2 …',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0.0,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "leases" VALUES(4,'granted','ana','["GPU-3"]','2026-03-29 01:29:59.123456','gpu-host','job','',NULL,NULL,NULL,1,NULL,NULL,NULL,0,0,0.0,0.0,NULL,NULL,NULL,'2026-03-29 01:03:59.123456',NULL,NULL,NULL,NULL,NULL,'/data/notebooks/träin''s.ipynb',4,4,1,3,600.0,'2026-03-29 01:19:59.123456',60.0,'2026-03-29 01:49:59.123456','2026-03-29 01:29:59.123456',NULL,NULL,2.5,NULL);
INSERT INTO "leases" VALUES(5,'expired','ana','["GPU-1"]','2026-03-29 01:29:59.123456','gpu-host','process','',NULL,NULL,NULL,1,NULL,NULL,NULL,0,0,0.0,0.0,NULL,NULL,NULL,'2026-03-29 01:04:59.123456',NULL,'2026-03-29 01:05:59.123456','owner_gone',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0.0,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "leases" VALUES(6,'granted','ana','["GPU-4"]','2026-03-29 01:29:59.123456','gpu-host','deployment','digits',NULL,NULL,NULL,1,NULL,NULL,NULL,0,0,0.0,0.0,NULL,NULL,NULL,'2026-03-29 01:09:59.123456',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0.0,NULL,NULL,NULL,NULL,NULL,'digits');
CREATE TABLE notices (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	noun VARCHAR(16) NOT NULL, 
	"key" INTEGER NOT NULL, 
	owner VARCHAR(200) NOT NULL, 
	event VARCHAR(16) NOT NULL, 
	target TEXT NOT NULL, 
	text TEXT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	tries INTEGER NOT NULL, 
	not_before DATETIME, 
	message TEXT, 
	created_at DATETIME NOT NULL, 
	sent_at DATETIME
);
INSERT INTO "notices" VALUES(1,'jobs',2,'ana','failure','mailto:ana@example.org','träin 2 failed
cell 3: ValueError','pending',1,'2026-03-29 01:04:59.123456',NULL,'2026-03-29 01:03:59.123456',NULL);
CREATE TABLE occurrences (
	schedule_id INTEGER NOT NULL, 
	scheduled_for DATETIME NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason TEXT, 
	job_id INTEGER, 
	decided_at DATETIME NOT NULL, 
	CONSTRAINT pk_occurrences PRIMARY KEY (schedule_id, scheduled_for), 
	CONSTRAINT fk_occurrences_schedule_id_schedules FOREIGN KEY(schedule_id) REFERENCES schedules (id) ON DELETE CASCADE
);
INSERT INTO "occurrences" VALUES(1,'2026-03-29 01:01:59.123456','ran',NULL,2,'2026-03-29 01:01:59.123456');
CREATE TABLE outbox (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	topic VARCHAR(32) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	at DATETIME NOT NULL
);
INSERT INTO "outbox" VALUES(1,'jobs','5','2026-11-22 12:43:42.595249');
CREATE TABLE pipelines (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR(200) NOT NULL, 
	owner VARCHAR(200) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	folder TEXT NOT NULL, 
	parameters JSON NOT NULL, 
	nodes JSON NOT NULL, 
	notify JSON NOT NULL, 
	cancel_requested BOOLEAN NOT NULL, 
	message TEXT, 
	created_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	idempotency_key VARCHAR(300), request VARCHAR(64), 
	CONSTRAINT uq_pipelines_idempotency_key UNIQUE (idempotency_key)
);
INSERT INTO "pipelines" VALUES(1,'nächtlich','ana','running','/data/mlplat/pipelines/1','{"day": "2026-03-29"}','[{"name": "train", "notebook": "/data/notebooks/tr\u00e4in''s.ipynb", "needs": []}]','[{"to": "mailto:ana@example.org", "on": ["failure"], "after": null}]',0,NULL,'2026-03-29 01:00:59.123456',NULL,NULL,NULL);
CREATE TABLE reservations (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	owner VARCHAR(200) NOT NULL, 
	whose VARCHAR(201) NOT NULL, 
	users JSON NOT NULL, 
	host VARCHAR(255) NOT NULL, 
	devices JSON NOT NULL, 
	label VARCHAR(200) DEFAULT '' NOT NULL, 
	starts_at DATETIME NOT NULL, 
	ends_at DATETIME NOT NULL, 
	created_at DATETIME NOT NULL, 
	cancelled_at DATETIME, 
	idempotency_key VARCHAR(300), 
	request VARCHAR(64)
);
INSERT INTO "reservations" VALUES(1,'ana','@course','["ben"]','gpu-host','["GPU-1"]','träining','2026-03-29 10:59:59.123456','2026-03-29 12:59:59.123456','2026-03-29 01:29:59.123456',NULL,'ana:1',NULL);
INSERT INTO "reservations" VALUES(2,'ana','ben','["ana", "ben"]','gpu-host','["GPU-2"]','träining','2026-03-29 10:59:59.123456','2026-03-29 12:59:59.123456','2026-03-29 01:29:59.123456','2026-03-29 01:39:59.123456','ana:2',NULL);
CREATE TABLE schedules (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR(200) NOT NULL, 
	owner VARCHAR(200) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	revision INTEGER NOT NULL, 
	notebook TEXT NOT NULL, 
	notebook_hash VARCHAR(64) NOT NULL, 
	folder TEXT NOT NULL, 
	job JSON NOT NULL, 
	cron VARCHAR(200), 
	timezone VARCHAR(64) NOT NULL, 
	every FLOAT, 
	at DATETIME, 
	starts_at DATETIME NOT NULL, 
	overlap VARCHAR(16) NOT NULL, 
	catch_up VARCHAR(16) NOT NULL, 
	catch_up_limit INTEGER NOT NULL, 
	max_lateness FLOAT, 
	next_at DATETIME, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	idempotency_key VARCHAR(300), request VARCHAR(64), 
	CONSTRAINT uq_schedules_idempotency_key UNIQUE (idempotency_key)
);
INSERT INTO "schedules" VALUES(1,'nächtlich','ana','active',1,'/data/notebooks/träin''s.ipynb','0000000000000000000000000000000000000000000000000000000000000000','/data/mlplat/schedules/1','{"parameters": {"lr": 0.01}, "options": {"retries": 1}}','30 2 * * *','Europe/Berlin',NULL,NULL,'2026-03-29 01:00:59.123456','queue','latest',100,NULL,'2026-03-29 01:59:59.123456','2026-03-29 01:00:59.123456','2026-03-29 01:00:59.123456',NULL,NULL);
CREATE TABLE sweeps (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR(200) NOT NULL, 
	owner VARCHAR(200) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	notebook TEXT NOT NULL, 
	folder TEXT NOT NULL, 
	job JSON NOT NULL, 
	space JSON NOT NULL, 
	strategy VARCHAR(16) NOT NULL, 
	trials INTEGER NOT NULL, 
	metric VARCHAR(250), 
	direction VARCHAR(16) NOT NULL, 
	parallel INTEGER, 
	seed INTEGER NOT NULL, 
	cancel_requested BOOLEAN NOT NULL, 
	message TEXT, 
	created_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	idempotency_key VARCHAR(300), request VARCHAR(64), study JSON, 
	CONSTRAINT uq_sweeps_idempotency_key UNIQUE (idempotency_key)
);
INSERT INTO "sweeps" VALUES(1,'träin','ana','partial','/data/notebooks/träin''s.ipynb','/data/mlplat/sweeps/1','{"parameters": {}, "options": {}}','{"lr": [0.1, 0.01], "depth": {"low": 1, "high": 9, "log": false}}','optuna',2,'loss','minimize',NULL,0,0,NULL,'2026-03-29 01:00:59.123456',NULL,NULL,NULL,'{"objectives": [{"metric": "loss", "direction": "minimize"}], "constraints": ["latency <= 0.2"], "sampler": "tpe", "pruner": "median", "metrics": ["loss", "latency"]}');
CREATE INDEX ix_deployments_owner ON deployments (owner);
CREATE INDEX ix_feature_views_owner ON feature_views (owner);
CREATE INDEX ix_jobs_owner ON jobs (owner);
CREATE INDEX ix_jobs_state_id ON jobs (state, id);
CREATE INDEX ix_outbox_at ON outbox (at);
CREATE INDEX ix_schedules_due ON schedules (state, next_at);
CREATE INDEX ix_schedules_owner ON schedules (owner);
CREATE INDEX ix_attempts_run_closed ON attempts (run_closed, state);
CREATE INDEX ix_jobs_queue ON jobs (state, priority, id);
CREATE INDEX ix_jobs_schedule_id ON jobs (schedule_id, id);
CREATE INDEX ix_sweeps_owner ON sweeps (owner);
CREATE INDEX ix_sweeps_state ON sweeps (state);
CREATE INDEX ix_jobs_sweep_id ON jobs (sweep_id, id);
CREATE INDEX ix_pipelines_owner ON pipelines (owner);
CREATE INDEX ix_pipelines_state ON pipelines (state);
CREATE INDEX ix_notices_about ON notices (noun, "key");
CREATE INDEX ix_notices_due ON notices (state, not_before);
CREATE INDEX ix_jobs_pipeline_id ON jobs (pipeline_id, id);
CREATE INDEX ix_jobs_notebook_id ON jobs (notebook, id);
CREATE INDEX ix_leases_state ON leases (state, id);
CREATE INDEX ix_leases_queue ON leases (host, state, place);
CREATE INDEX ix_leases_owner_ended ON leases (owner, ended_at);
CREATE UNIQUE INDEX ix_leases_idempotency_key ON leases (idempotency_key);
CREATE INDEX ix_devices_host ON devices (host);
CREATE INDEX ix_jobs_gpus ON jobs (state, gpus);
CREATE INDEX ix_leases_job ON leases (job_id, state);
CREATE UNIQUE INDEX ix_leases_job_id ON leases (job_id) WHERE state IN ('queued', 'granted');
CREATE UNIQUE INDEX ix_reservations_idempotency_key ON reservations (idempotency_key);
CREATE INDEX ix_reservations_host_ends ON reservations (host, ends_at);
CREATE UNIQUE INDEX ix_leases_deployment ON leases (deployment) WHERE deployment IS NOT NULL AND state IN ('queued', 'granted');
CREATE INDEX ix_alias_requests_model_id ON alias_requests (model, id);
CREATE INDEX ix_alias_requests_state ON alias_requests (state, id);
CREATE UNIQUE INDEX ix_alias_requests_open ON alias_requests (model, kind, alias, version, asked_by) WHERE state = 'open';
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('jobs',5);
INSERT INTO "sqlite_sequence" VALUES('schedules',1);
INSERT INTO "sqlite_sequence" VALUES('sweeps',1);
INSERT INTO "sqlite_sequence" VALUES('pipelines',1);
INSERT INTO "sqlite_sequence" VALUES('notices',1);
INSERT INTO "sqlite_sequence" VALUES('alias_requests',4);
INSERT INTO "sqlite_sequence" VALUES('leases',6);
INSERT INTO "sqlite_sequence" VALUES('reservations',2);
INSERT INTO "sqlite_sequence" VALUES('outbox',1);
COMMIT;
