// Generated from jupyter_mlplat/models/ by scripts/generate_types.py. Do not edit.

import type { JSONValue } from '@lumino/coreutils';

/** One page of a list; `next` is the cursor of the following page, or null on the last. */
export interface Page<T> {
  readonly items: ReadonlyArray<T>;
  readonly next: string | null;
}

/** Where an endpoint stands. */
export type DeploymentState =
  | 'starting'
  | 'ready'
  | 'degraded'
  | 'failed'
  | 'stopped';

/** The states of DeploymentState from which no move is legal. */
export const ENDED_DEPLOYMENT_STATES: ReadonlySet<DeploymentState> = new Set<DeploymentState>([]);

/** What somebody asks for when they deploy a model. */
export interface DeploymentSpec {
  /** devices that it waits for and has to itself; 1 where it says which */
  readonly gpus?: number | null;
  /** a part of the model's name: A100 */
  readonly gpu_type?: string | null;
  /** bytes that each device has at least; with gpu_shared, the share of each */
  readonly gpu_memory?: number | null;
  /** a share of each device, not the whole of it */
  readonly gpu_shared?: boolean;
  readonly name: string;
  /** models:/name/version or models:/name@alias */
  readonly model: string;
  readonly target?: 'local';
}

/** A model version behind an endpoint, with its share of the traffic in percent. */
export interface DeployedVersion {
  readonly model: string;
  readonly version: string;
  readonly uri: string;
  readonly run_id: string | null;
  readonly traffic: number;
}

/** A served model: its address, and what stands behind it. */
export interface Deployment {
  readonly name: string;
  readonly owner: string;
  readonly target: string;
  readonly state: DeploymentState;
  /** the endpoint's own base */
  readonly url: string | null;
  /** a file that holds the bearer token and nothing else */
  readonly token_file: string | null;
  readonly versions: ReadonlyArray<DeployedVersion>;
  /** one valid /invocations body */
  readonly example: Readonly<Record<string, JSONValue>> | null;
  readonly message: string | null;
  readonly restarts: number;
  readonly gpus: number;
  readonly gpu_type: string | null;
  readonly gpu_memory: number | null;
  readonly gpu_shared: boolean;
  /** its claim on GPUs, held or waited for; null while it has none */
  readonly lease: Lease | null;
  readonly created_at: string;
  readonly updated_at: string;
}

/** How far one column moved: its score against the threshold of its method. */
export interface DriftColumn {
  readonly column: string;
  readonly method: string;
  readonly score: number | null;
  readonly threshold: number;
  readonly drifted: boolean;
  /** share of missing values, 0 to 1 */
  readonly reference_missing: number;
  readonly current_missing: number;
  readonly note: string;
}

/** The outcome of one drift check. */
export interface DriftReport {
  readonly drift: boolean;
  readonly columns: ReadonlyArray<DriftColumn>;
  readonly drifted_columns: ReadonlyArray<string>;
  readonly reference: string;
  readonly current: string;
  readonly reference_rows: number;
  readonly current_rows: number;
  readonly checked_at: string;
  /** Evidently's HTML report, an MLflow artifact */
  readonly report_uri: string | null;
  readonly run_id: string | null;
}

/** Which tables to compare: parquet or csv files or Delta folders. */
export interface DriftCheckRequest {
  readonly reference: string;
  readonly current: string;
  /** the columns to compare; all that both have */
  readonly columns: ReadonlyArray<string> | null;
  /** keep Evidently's HTML report as an MLflow artifact */
  readonly report: boolean;
}

/** A column of a feature view and its type as the source has it. */
export interface FeatureField {
  readonly name: string;
  readonly type: string;
}

/** A table whose rows say what was known about an entity, and from when. */
export interface FeatureViewSpec {
  readonly name: string;
  /** parquet or csv file; a relative path starts at the definition */
  readonly source: string;
  /** columns that identify a row's entity */
  readonly entities: ReadonlyArray<string>;
  /** column with the event time */
  readonly timestamp: string;
  /** columns to serve; all others of the source if empty */
  readonly features?: ReadonlyArray<string>;
  /** seconds after which a value is too old to use */
  readonly ttl?: number | null;
  readonly description?: string;
}

/** A feature view as it stands in the store. */
export interface FeatureView {
  readonly name: string;
  readonly owner: string;
  readonly source: string;
  readonly entities: ReadonlyArray<string>;
  readonly timestamp: string;
  readonly features: ReadonlyArray<FeatureField>;
  readonly ttl: number | null;
  readonly description: string;
  /** rows of the source when it was last materialized */
  readonly rows: number | null;
  readonly materialized_at: string | null;
  readonly created_at: string;
  readonly updated_at: string;
}

/** Several feature views defined at once: all of them or none. */
export interface FeatureViewsRequest {
  readonly views: ReadonlyArray<FeatureViewSpec>;
}

/** Which feature view to load into the online store. */
export interface MaterializeRequest {
  readonly view: string;
}

/** Whose latest values to read. */
export interface OnlineRequest {
  readonly view: string;
  /** one object per entity, entity column -> value */
  readonly entities: ReadonlyArray<Readonly<Record<string, JSONValue>>>;
}

/** Which values to join to which rows, as they were known at each row's `event_time`. */
export interface HistoricalRequest {
  /** the entity columns of every view, and `event_time` (ISO 8601) */
  readonly entities: ReadonlyArray<Readonly<Record<string, JSONValue>>>;
  /** view:column */
  readonly features: ReadonlyArray<string>;
}

/** Rows of features in the order of the entities asked for; a value that is not known is null. */
export interface FeatureRows {
  readonly rows: ReadonlyArray<Readonly<Record<string, JSONValue>>>;
}

/** The devices that something waits for before it starts. */
export interface GPUOptions {
  /** devices that it waits for and has to itself; 1 where it says which */
  readonly gpus: number | null;
  /** a part of the model's name: A100 */
  readonly gpu_type: string | null;
  /** bytes that each device has at least; with gpu_shared, the share of each */
  readonly gpu_memory: number | null;
  /** a share of each device, not the whole of it */
  readonly gpu_shared: boolean;
}

/** Where a claim on GPUs stands. */
export type LeaseState =
  | 'queued'
  | 'granted'
  | 'released'
  | 'expired';

/** The states of LeaseState from which no move is legal. */
export const ENDED_LEASE_STATES: ReadonlySet<LeaseState> = new Set<LeaseState>(['released', 'expired']);

/** What a claim is for. */
export type HolderKind =
  | 'process'
  | 'kernel'
  | 'job'
  | 'deployment';

/** Which devices of one host somebody asks for. */
export interface DeviceRequest {
  /** devices */
  readonly count: number;
  /** a part of the model's name: A100 */
  readonly gpu_type: string | null;
  /** bytes that each device has at least; of a share, its size */
  readonly memory: number | null;
  /** only these, by UUID */
  readonly devices: ReadonlyArray<string> | null;
}

/** What somebody asks for when they want GPUs of one host. */
export interface LeaseRequest {
  /** devices */
  readonly count: number;
  /** a part of the model's name: A100 */
  readonly gpu_type: string | null;
  /** bytes that each device has at least; of a share, its size */
  readonly memory: number | null;
  /** only these, by UUID */
  readonly devices: ReadonlyArray<string> | null;
  /** a share of each device, not the whole of it */
  readonly shared: boolean;
  /** higher comes first */
  readonly priority: number;
  /** how long it may be held */
  readonly seconds: number | null;
  /** how lists show what it is for */
  readonly label: string | null;
  /** path of the notebook whose next kernel takes it over */
  readonly notebook: string | null;
  /** process of this host that it is for; it ends with that process */
  readonly pid: number | null;
  /** seconds of rest after which a kernel's user is asked; 0: never */
  readonly idle_limit: number | null;
}

/** For how long a kernel shall keep its devices although it does nothing. */
export interface KeepRequest {
  /** from now on */
  readonly seconds: number;
}

/** A claim on GPUs. */
export interface Lease {
  readonly id: string;
  readonly state: LeaseState;
  readonly owner: string;
  /** UUIDs */
  readonly devices: ReadonlyArray<string>;
  /** place in the queue, from 1; null unless queued */
  readonly position: number | null;
  /** what came before it in the queue last */
  readonly cause: string | null;
  /** what it waits for beside its turn: a quota, a budget, a reservation */
  readonly held_up: string | null;
  /** an estimate, from how long such claims were held */
  readonly expected_start: string | null;
  readonly host: string;
  readonly kind: HolderKind;
  readonly label: string;
  readonly notebook: string | null;
  readonly job_id: string | null;
  readonly deployment: string | null;
  readonly pid: number | null;
  readonly count: number;
  readonly gpu_type: string | null;
  /** bytes, of each device */
  readonly memory: number | null;
  readonly shared: boolean;
  readonly priority: number;
  /** it can be taken back for one that ranks higher */
  readonly interruptible: boolean;
  /** the claim for which it is being taken back */
  readonly wanted_by: string | null;
  readonly requested_at: string;
  readonly granted_at: string | null;
  /** it is taken back then: its time is up, or others have reserved the devices */
  readonly ends_at: string | null;
  readonly ended_at: string | null;
  /** why it ended: released, cancelled, owner_gone, time_up, preempted, idle */
  readonly reason: string | null;
  /** its devices have had no load since then */
  readonly idle_since: string | null;
  /** without load, all together */
  readonly idle_seconds: number;
  /** seconds of rest after which its user is asked; null: never */
  readonly idle_limit: number | null;
  /** its user wants it that long, at rest or not */
  readonly kept_until: string | null;
  /** its user is asked since then whether it is still wanted; null while nothing is asked */
  readonly asked_at: string | null;
  /** its kernel is shut down then, unless somebody keeps or uses it */
  readonly reclaim_at: string | null;
}

/** Where a reservation stands. Time moves it; nothing but `cancelled` is written down. */
export type ReservationState =
  | 'upcoming'
  | 'open'
  | 'ended'
  | 'cancelled';

/** Which devices shall be kept for whom, and when. */
export interface ReservationRequest {
  /** devices */
  readonly count: number;
  /** a part of the model's name: A100 */
  readonly gpu_type: string | null;
  /** bytes that each device has at least; of a share, its size */
  readonly memory: number | null;
  /** only these, by UUID */
  readonly devices: ReadonlyArray<string> | null;
  /** now */
  readonly starts_at: string | null;
  readonly ends_at: string;
  /** a user, or @ and a group; you */
  readonly whose: string | null;
  /** how lists show what it is for */
  readonly label: string | null;
}

/** Devices that are kept for somebody for a while. */
export interface Reservation {
  readonly id: string;
  readonly state: ReservationState;
  /** who made it */
  readonly owner: string;
  /** a user, or @ and a group */
  readonly whose: string;
  /** who may have the devices: the group as it was then */
  readonly users: ReadonlyArray<string>;
  readonly host: string;
  /** UUIDs */
  readonly devices: ReadonlyArray<string>;
  readonly label: string;
  readonly starts_at: string;
  readonly ends_at: string;
  readonly created_at: string;
  readonly cancelled_at: string | null;
  /** claims of others, by id, that may go on after its begin */
  readonly in_the_way: ReadonlyArray<string>;
}

/** A device as its driver reports it. */
export interface GPU {
  readonly index: number;
  readonly uuid: string;
  readonly name: string;
  readonly memory_total_bytes: number;
  readonly memory_used_bytes: number;
  /** 0 to 1 */
  readonly utilization: number | null;
  readonly power_watts: number | null;
  readonly lease: Lease | null;
  /** claims on a part of it */
  readonly shares: ReadonlyArray<Lease>;
  /** why it is not offered although nobody has a claim on it */
  readonly note: string | null;
}

/** The kernels of one environment that wait to be taken, and the program that they come from. */
export interface WarmKernels {
  readonly python: string;
  /** modules that it has imported */
  readonly preloaded: ReadonlyArray<string>;
  /** modules that it has not, and why */
  readonly left_out: Readonly<Record<string, string>>;
  readonly waiting: number;
  /** how many shall wait */
  readonly keep: number;
  readonly handed_over: number;
  /** why there are none, or nothing */
  readonly refuses: string;
  /** bytes of the program itself */
  readonly memory: number;
  /** bytes of those that wait; what they share is counted once */
  readonly waiting_memory: number;
  /** bytes that both may have together */
  readonly max_memory: number;
}

/** The devices of this machine, and who waits for one. */
export interface GPUs {
  readonly source: string;
  /** why there are none, when there are none */
  readonly message: string | null;
  readonly devices: ReadonlyArray<GPU>;
  readonly queue: ReadonlyArray<Lease>;
  /** open and upcoming ones */
  readonly reservations: ReadonlyArray<Reservation>;
  /** budgets that are (nearly) spent; a wrong price file */
  readonly warnings: ReadonlyArray<string>;
}

/** What GPU hours are added up by. */
export type UsageKey =
  | 'user'
  | 'notebook'
  | 'job'
  | 'deployment'
  | 'type'
  | 'kind';

/** Which leases are added up, and by what. */
export interface GPUUsageRequest {
  /** a week before until */
  readonly since: string | null;
  /** now */
  readonly until: string | null;
  readonly by: UsageKey;
}

/** What the leases of one user, notebook, … took. */
export interface GPUUsageRow {
  /** null for leases that belong to none */
  readonly key: string | null;
  /** a share counts as that part of its device */
  readonly gpu_hours: number;
  /** of them without load, as far as somebody looked */
  readonly idle_hours: number;
  /** null where no lease had a price */
  readonly cost: number | null;
  readonly leases: number;
}

/** What somebody may spend in this month, and has. */
export interface GPUBudget {
  /** a user, or group and its name */
  readonly whose: string;
  readonly spent: number;
  readonly limit: number;
  /** of the limit */
  readonly share: number;
  readonly currency: string;
}

/** GPU hours, idle hours and cost inside a window of time. */
export interface GPUUsage {
  readonly since: string;
  readonly until: string;
  readonly by: UsageKey;
  /** null without a price file */
  readonly currency: string | null;
  readonly rows: ReadonlyArray<GPUUsageRow>;
  readonly total: GPUUsageRow;
  readonly budgets: ReadonlyArray<GPUBudget>;
  readonly warnings: ReadonlyArray<string>;
}

/** Where one execution of a notebook stands. */
export type JobState =
  | 'queued'
  | 'starting'
  | 'running'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'lost'
  | 'skipped';

/** The states of JobState from which no move is legal. */
export const ENDED_JOB_STATES: ReadonlySet<JobState> = new Set<JobState>(['succeeded', 'failed', 'cancelled', 'lost', 'skipped']);

/** Why a job ended other than by running to its end; `pruned` is the only one of a job that succeeded. */
export type Reason =
  | 'cell_error'
  | 'kernel_died'
  | 'out_of_memory'
  | 'timeout'
  | 'deadline'
  | 'cancelled'
  | 'replaced'
  | 'preempted'
  | 'pruned'
  | 'worker_lost'
  | 'bad_input'
  | 'backend_unavailable';

/** Where one code cell of a job stands. */
export type CellState =
  | 'not_run'
  | 'running'
  | 'ok'
  | 'error'
  | 'timeout'
  | 'kernel_died'
  | 'cancelled'
  | 'skipped';

/** One code cell as submitted; `index` is its position in the submitted notebook, counted from 0. */
export interface Cell {
  readonly index: number;
  readonly state: CellState;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  readonly error: string | null;
  /** most memory that the job's processes had together, bytes */
  readonly peak_rss: number | null;
  /** bytes; null where no GPU was seen */
  readonly peak_gpu_memory: number | null;
}

/** How a job is run; a notebook's `metadata.mlplat` may hold any of these, and what is asked for wins. */
export interface JobOptions {
  /** devices that it waits for and has to itself; 1 where it says which */
  readonly gpus: number | null;
  /** a part of the model's name: A100 */
  readonly gpu_type: string | null;
  /** bytes that each device has at least; with gpu_shared, the share of each */
  readonly gpu_memory: number | null;
  /** a share of each device, not the whole of it */
  readonly gpu_shared: boolean;
  /** higher runs first */
  readonly priority: number;
  /** seconds that one attempt may take */
  readonly timeout: number | null;
  /** seconds that one cell may take */
  readonly cell_timeout: number | null;
  /** seconds from submission in which it ends, all retries counted */
  readonly deadline: number | null;
  /** further attempts after one that failed */
  readonly retries: number;
  /** the reasons to retry on; any that a retry can help by default */
  readonly retry_on: ReadonlyArray<Reason> | null;
  /** seconds before the first retry, doubled each time */
  readonly retry_delay: number;
  /** bytes that all of its processes may have together */
  readonly memory: number | null;
  /** its devices can be taken back for others; it then goes on from its last checkpoint */
  readonly interruptible: boolean;
  /** parameter -> env:VARIABLE or file:PATH on the host that runs it */
  readonly secrets: Readonly<Record<string, string>>;
  /** a retry goes on behind the last checkpoint cell that is still valid */
  readonly resume: boolean;
  /** models that it trains are logged by themselves */
  readonly autolog: boolean;
  readonly notify: ReadonlyArray<Notify>;
}

/** What somebody asks for when they run a notebook as a job. */
export interface JobSpec {
  /** devices that it waits for and has to itself; 1 where it says which */
  readonly gpus?: number | null;
  /** a part of the model's name: A100 */
  readonly gpu_type?: string | null;
  /** bytes that each device has at least; with gpu_shared, the share of each */
  readonly gpu_memory?: number | null;
  /** a share of each device, not the whole of it */
  readonly gpu_shared?: boolean;
  /** higher runs first */
  readonly priority?: number;
  /** seconds that one attempt may take */
  readonly timeout?: number | null;
  /** seconds that one cell may take */
  readonly cell_timeout?: number | null;
  /** seconds from submission in which it ends, all retries counted */
  readonly deadline?: number | null;
  /** further attempts after one that failed */
  readonly retries?: number;
  /** the reasons to retry on; any that a retry can help by default */
  readonly retry_on?: ReadonlyArray<Reason> | null;
  /** seconds before the first retry, doubled each time */
  readonly retry_delay?: number;
  /** bytes that all of its processes may have together */
  readonly memory?: number | null;
  /** its devices can be taken back for others; it then goes on from its last checkpoint */
  readonly interruptible?: boolean;
  /** parameter -> env:VARIABLE or file:PATH on the host that runs it */
  readonly secrets?: Readonly<Record<string, string>>;
  /** a retry goes on behind the last checkpoint cell that is still valid */
  readonly resume?: boolean;
  /** models that it trains are logged by themselves */
  readonly autolog?: boolean;
  readonly notify?: ReadonlyArray<Notify>;
  /** path of the notebook */
  readonly notebook: string;
  /** how lists show it; the notebook's name by default */
  readonly name?: string | null;
  /** values of the parameters cell */
  readonly parameters?: Readonly<Record<string, JSONValue>>;
}

/** One attempt of a job. */
export interface AttemptRecord {
  readonly number: number;
  readonly state: JobState;
  readonly reason: Reason | null;
  readonly message: string | null;
  readonly claimed_at: string;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  readonly run_id: string | null;
  /** most memory that its processes had together, bytes */
  readonly peak_rss: number | null;
  /** from which checkpoint it went on, or why from none */
  readonly note: string | null;
}

/** One execution of a notebook: the record that cannot lie. */
export interface Job {
  readonly id: string;
  readonly name: string;
  readonly notebook: string;
  readonly owner: string;
  readonly state: JobState;
  /** number of the current attempt, from 1; 0 before the first */
  readonly attempt: number;
  readonly parameters: Readonly<Record<string, JSONValue>>;
  readonly submitted_at: string;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  readonly reason: Reason | null;
  /** the reason in words, with the failing cell's error */
  readonly message: string | null;
  /** the MLflow run of the current attempt */
  readonly run_id: string | null;
  /** the metric that the notebook marks as its own */
  readonly metric: Readonly<Record<string, number>>;
  readonly backend: string;
  readonly priority: number;
  readonly timeout: number | null;
  readonly cell_timeout: number | null;
  readonly deadline_at: string | null;
  readonly retries: number;
  readonly retry_on: ReadonlyArray<Reason> | null;
  readonly retry_delay: number;
  readonly memory: number | null;
  readonly gpus: number;
  readonly gpu_type: string | null;
  readonly gpu_memory: number | null;
  readonly gpu_shared: boolean;
  readonly interruptible: boolean;
  /** parameter -> where its value is */
  readonly secrets: Readonly<Record<string, string>>;
  /** attempts that ended badly so far */
  readonly failures: number;
  /** when a waiting retry may start */
  readonly not_before: string | null;
  /** the ended job that this one runs again */
  readonly retry_of: string | null;
  readonly schedule_id: string | null;
  readonly scheduled_for: string | null;
  readonly sweep_id: string | null;
  /** its place in the sweep: parameter -> value */
  readonly point: Readonly<Record<string, JSONValue>> | null;
  readonly pipeline_id: string | null;
  /** its node of the pipeline */
  readonly node: string | null;
  readonly resume: boolean;
  readonly autolog: boolean;
  readonly notify: ReadonlyArray<Notify>;
  /** the step at which its sweep's study found it hopeless */
  readonly pruned_at: number | null;
  /** what it left with `mlplat.set_result` */
  readonly results: Readonly<Record<string, JSONValue>>;
  readonly cancel_requested: boolean;
  /** place in the queue, from 1; null unless queued */
  readonly position: number | null;
  /** an estimate, from how long such jobs took */
  readonly expected_start: string | null;
  /** its claim on GPUs: the one it waits for, or the last one it had */
  readonly lease: Lease | null;
  readonly cells_done: number;
  readonly cells_total: number;
  /** empty in lists */
  readonly cells: ReadonlyArray<Cell>;
  /** empty in lists */
  readonly attempts: ReadonlyArray<AttemptRecord>;
  /** empty in lists */
  readonly notices: ReadonlyArray<Notice>;
  /** where its output, log and exit record are */
  readonly folder: string;
}

/** How an ended job runs once more. */
export interface RetryRequest {
  /** the notebook as it is now, not as it was */
  readonly edited: boolean;
  /** not from its last checkpoint */
  readonly from_start: boolean;
}

/** Which ended jobs to delete; all conditions count together, and the newest success of each notebook stays. */
export interface PruneRequest {
  /** seconds since the end */
  readonly older_than: number | null;
  /** so many of the newest of each notebook stay */
  readonly keep: number | null;
  /** only those in one of these states */
  readonly state: ReadonlyArray<JobState> | null;
  /** only these */
  readonly ids: ReadonlyArray<string> | null;
  readonly dry_run: boolean;
}

/** What was deleted, or would be. */
export interface Pruned {
  readonly jobs: number;
  readonly bytes: number;
  readonly dry_run: boolean;
}

/** One thing that is not as it was; null where it was not there. */
export interface Difference {
  readonly name: string;
  readonly before: JSONValue;
  readonly after: JSONValue;
}

/** Seconds that a cell took, then and now. */
export interface CellTiming {
  readonly index: number;
  readonly before: number | null;
  readonly after: number | null;
}

/** What is different from the last time that it succeeded. */
export interface JobChanges {
  readonly job_id: string;
  /** the last success before it; null where there is none */
  readonly against: string | null;
  readonly parameters: ReadonlyArray<Difference>;
  /** unified diff of the code cells */
  readonly code: string;
  /** Python and packages */
  readonly environment: ReadonlyArray<Difference>;
  /** digests of the MLflow data sets */
  readonly data: ReadonlyArray<Difference>;
  readonly metrics: ReadonlyArray<Difference>;
  /** cells that both ran */
  readonly timings: ReadonlyArray<CellTiming>;
  /** what could not be compared, and why */
  readonly notes: ReadonlyArray<string>;
}

/** The text that a job printed; `offset` is where the next read continues. */
export interface JobLog {
  readonly text: string;
  readonly offset: number;
  readonly ended: boolean;
}

/** What a notebook's kernel held in memory when it was shut down, as its manifest in the data directory says. */
export interface SavedKernel {
  /** its real path */
  readonly notebook: string;
  readonly saved_at: string;
  /** the name of the folder with the values */
  readonly folder: string;
  /** version, as 3.12 */
  readonly python: string;
  /** variables that are saved */
  readonly names: ReadonlyArray<string>;
  /** variables that are not, and why */
  readonly skipped: Readonly<Record<string, string>>;
  /** names that are modules, and which */
  readonly modules: Readonly<Record<string, string>>;
  readonly bytes: number;
  /** of the values' file */
  readonly sha256: string;
  /** its working directory */
  readonly cwd: string;
  /** its sys.path */
  readonly path: ReadonlyArray<string>;
}

/** A kernel of this server that was shut down because its devices were taken back, and what was saved of it. */
export interface EndedKernel {
  readonly lease: string;
  /** its path; null where it belonged to none */
  readonly notebook: string | null;
  /** variables that %mlplat restore brings back */
  readonly names: ReadonlyArray<string>;
  /** variables that could not be saved, and why */
  readonly skipped: Readonly<Record<string, string>>;
  readonly bytes: number;
  /** why nothing was saved */
  readonly message: string | null;
}

/** What somebody wants to be told of; `recovery` is the first success after a failure. */
export type NoticeEvent =
  | 'failure'
  | 'recovery'
  | 'too_long'
  | 'success';

/** Whom to tell of what. */
export interface Notify {
  /** mailto:ADDRESS, a webhook's address, env:VARIABLE or file:PATH that holds one, or @NAME of c.Platform.notify_targets */
  readonly to: string;
  readonly on: ReadonlyArray<NoticeEvent>;
  /** seconds that are too long; twice what it usually takes by default */
  readonly after: number | null;
}

/** Where a notice stands. */
export type NoticeState =
  | 'pending'
  | 'sent'
  | 'failed';

/** One message to one target. */
export interface Notice {
  readonly id: string;
  readonly event: NoticeEvent;
  /** an address of a webhook without its path, which may be a secret */
  readonly to: string;
  readonly state: NoticeState;
  readonly tries: number;
  /** why it did not arrive yet, or never will */
  readonly message: string | null;
  readonly created_at: string;
  readonly sent_at: string | null;
}

/** When a node runs, once every node that it needs has ended; otherwise it is skipped. */
export type RunIf =
  | 'all_succeeded'
  | 'any_succeeded'
  | 'any_failed'
  | 'all_ended';

/**
 * One notebook of a pipeline.
 *
 * A parameter of the form `{"from": "NODE.results.KEY"}` gets what an earlier node left: `results.KEY`,
 * `metrics.KEY`, `parameters.KEY`, `run_id`, `output` (path of the executed notebook) or `job_id`; with
 * `{"from": "parameters.KEY"}` it is the pipeline's own. `{"value": X}` is X itself, whatever it looks like.
 */
export interface PipelineNode {
  /** devices that it waits for and has to itself; 1 where it says which */
  readonly gpus: number | null;
  /** a part of the model's name: A100 */
  readonly gpu_type: string | null;
  /** bytes that each device has at least; with gpu_shared, the share of each */
  readonly gpu_memory: number | null;
  /** a share of each device, not the whole of it */
  readonly gpu_shared: boolean;
  /** higher runs first */
  readonly priority: number;
  /** seconds that one attempt may take */
  readonly timeout: number | null;
  /** seconds that one cell may take */
  readonly cell_timeout: number | null;
  /** seconds from submission in which it ends, all retries counted */
  readonly deadline: number | null;
  /** further attempts after one that failed */
  readonly retries: number;
  /** the reasons to retry on; any that a retry can help by default */
  readonly retry_on: ReadonlyArray<Reason> | null;
  /** seconds before the first retry, doubled each time */
  readonly retry_delay: number;
  /** bytes that all of its processes may have together */
  readonly memory: number | null;
  /** its devices can be taken back for others; it then goes on from its last checkpoint */
  readonly interruptible: boolean;
  /** parameter -> env:VARIABLE or file:PATH on the host that runs it */
  readonly secrets: Readonly<Record<string, string>>;
  /** a retry goes on behind the last checkpoint cell that is still valid */
  readonly resume: boolean;
  /** models that it trains are logged by themselves */
  readonly autolog: boolean;
  readonly notify: ReadonlyArray<Notify>;
  /** path; a relative one starts at the file */
  readonly notebook: string;
  readonly parameters: Readonly<Record<string, JSONValue>>;
  /** nodes that come before; references count too */
  readonly needs: ReadonlyArray<string>;
  readonly run_if: RunIf;
}

/** A graph of notebooks. */
export interface PipelineSpec {
  readonly name: string;
  readonly nodes: Readonly<Record<string, JSONValue>>;
  /** values that nodes may refer to */
  readonly parameters?: Readonly<Record<string, JSONValue>>;
  readonly notify?: ReadonlyArray<Notify>;
}

/** Where a pipeline stands; it failed when a node did, even where another one ran because of that. */
export type PipelineState =
  | 'running'
  | 'succeeded'
  | 'failed'
  | 'cancelled';

/** One node of a pipeline, and the newest job that ran it. */
export interface PipelineNodeRun {
  readonly name: string;
  readonly notebook: string;
  readonly needs: ReadonlyArray<string>;
  readonly run_if: RunIf;
  readonly job_id: string | null;
  /** of its job; null while it waits for others */
  readonly state: JobState | null;
  readonly message: string | null;
  readonly started_at: string | null;
  readonly ended_at: string | null;
}

/** A graph of notebooks on its way. */
export interface Pipeline {
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  readonly state: PipelineState;
  readonly parameters: Readonly<Record<string, JSONValue>>;
  /** job state -> nodes; those that wait are `waiting` */
  readonly counts: Readonly<Record<string, number>>;
  /** in an order in which they may run */
  readonly nodes: ReadonlyArray<PipelineNodeRun>;
  readonly message: string | null;
  readonly created_at: string;
  readonly ended_at: string | null;
}

/** One thing that `status` reports on. */
export interface Part {
  readonly name: string;
  readonly available: boolean;
  readonly detail: string;
  readonly hint: string;
}

/** Versions, where data lives, what runs, and what is not available and why. */
export interface Status {
  readonly version: string;
  /** version of the HTTP interface; front and back compare it */
  readonly api: number;
  readonly python: string;
  readonly platform: string;
  readonly home: string;
  readonly store: string;
  readonly tracking_uri: string;
  readonly backend: string;
  readonly owner: string;
  /** pid, host and since of the living engine */
  readonly engine: Readonly<Record<string, JSONValue>> | null;
  readonly running: Readonly<Record<string, number>>;
  readonly parts: ReadonlyArray<Part>;
}

/** An outbox row: something changed, fetch it again. Never carries data. */
export interface Change {
  readonly id: number;
  readonly topic: 'jobs' | 'schedules' | 'sweeps' | 'pipelines' | 'runs' | 'models' | 'deployments' | 'features' | 'drift' | 'gpus';
  readonly key: string;
  readonly at: string;
}

/** One version of a registered model. */
export interface ModelVersion {
  readonly name: string;
  readonly version: string;
  /** models:/name/version */
  readonly uri: string;
  readonly run_id: string | null;
  readonly source: string | null;
  readonly aliases: ReadonlyArray<string>;
  readonly created_at: string | null;
  readonly status: string;
}

/** An alias that stands for another version than before. */
export interface AliasChange {
  readonly alias: string;
  /** the version since then; null: it was deleted */
  readonly version: string | null;
  /** the version until then */
  readonly before: string | null;
  /** who changed it; of one that was approved, who asked for it */
  readonly by: string;
  readonly at: string;
  readonly why: string;
  readonly approved_by: string | null;
}

/** The version that an alias is to stand for. */
export interface AliasTarget {
  readonly version: string;
  readonly why: string;
}

/** What somebody wants of a protected alias, and what a second person said to it. */
export interface AliasRequest {
  readonly id: string;
  /** what is to change: what the alias stands for, or that it is protected, which ends */
  readonly kind: 'alias' | 'protection';
  readonly model: string;
  readonly alias: string;
  /** what the alias is to stand for; null: it is to be deleted */
  readonly version: string | null;
  /** what it stood for when this was asked for */
  readonly before: string | null;
  readonly by: string;
  readonly at: string;
  readonly why: string;
  /** stale: the alias was changed in between */
  readonly state: 'open' | 'approved' | 'rejected' | 'withdrawn' | 'stale';
  readonly decided_by: string | null;
  readonly decided_at: string | null;
  readonly decision_why: string;
}

/** Why a request is approved, rejected or withdrawn. */
export interface RequestDecision {
  readonly why: string;
}

/** A registered model and its versions, newest first. */
export interface RegisteredModel {
  readonly name: string;
  readonly description: string;
  /** alias -> version */
  readonly aliases: Readonly<Record<string, string>>;
  readonly versions: ReadonlyArray<ModelVersion>;
  /** changes of aliases made here, newest first; empty in lists */
  readonly history: ReadonlyArray<AliasChange>;
  /** aliases that change when a second person approves */
  readonly protected: ReadonlyArray<string>;
  /** open ones first, newest first, and the 20 that ended last; in lists the open ones only */
  readonly requests: ReadonlyArray<AliasRequest>;
  readonly updated_at: string | null;
}

/** A column or tensor of a model's signature. */
export interface ModelField {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  /** of a tensor, -1 for any number; null for a column */
  readonly shape: ReadonlyArray<number> | null;
}

/** A deployment that serves a version. */
export interface VersionDeployment {
  readonly name: string;
  readonly state: DeploymentState;
  /** percent */
  readonly traffic: number;
}

/** A version with what it was made of, what it takes and gives, and where it is served. */
export interface ModelVersionDetail {
  readonly name: string;
  readonly version: string;
  /** models:/name/version */
  readonly uri: string;
  readonly run_id: string | null;
  readonly source: string | null;
  readonly aliases: ReadonlyArray<string>;
  readonly created_at: string | null;
  readonly status: string;
  readonly description: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly run: ComparedRun | null;
  /** of its run */
  readonly parameters: Readonly<Record<string, string>>;
  /** of its run, last values */
  readonly metrics: Readonly<Record<string, number | null>>;
  /** of its run */
  readonly datasets: ReadonlyArray<Readonly<Record<string, JSONValue>>>;
  /** of MLflow's signature; null where it has none */
  readonly inputs: ReadonlyArray<ModelField> | null;
  readonly outputs: ReadonlyArray<ModelField> | null;
  readonly flavors: ReadonlyArray<string>;
  /** bytes */
  readonly size: number | null;
  readonly requirements: ReadonlyArray<string>;
  readonly python: string | null;
  readonly deployments: ReadonlyArray<VersionDeployment>;
  /** what could not be read, and why */
  readonly notes: ReadonlyArray<string>;
}

/** What a version of a model differs in from another. */
export interface VersionComparison {
  readonly before: ModelVersion;
  readonly after: ModelVersion;
  readonly signature: ReadonlyArray<Difference>;
  readonly requirements: ReadonlyArray<Difference>;
  /** bytes of both */
  readonly size: ReadonlyArray<number | null>;
  /** null where a run is not known, or both are of one run */
  readonly run: RunDifference | null;
  /** what could not be compared, and why */
  readonly notes: ReadonlyArray<string>;
}

/** One thing on the way from data to an endpoint. */
export interface LineageNode {
  readonly id: string;
  readonly kind: 'data' | 'features' | 'notebook' | 'job' | 'run' | 'version' | 'deployment';
  readonly label: string;
  readonly detail: string;
  /** what it opens: the name of data set, feature view or deployment, a notebook's path, the id of a job or run, name/version; null where there is nothing to open */
  readonly target: string | null;
}

/** From the id of a node to that of one made of it. */
export interface LineageEdge {
  readonly source: string;
  readonly target: string;
}

/** Where a version comes from and where it is served, left to right. */
export interface Lineage {
  readonly nodes: ReadonlyArray<LineageNode>;
  readonly edges: ReadonlyArray<LineageEdge>;
}

/** What there is to know of a version before it is used, after Mitchell et al. 2019, "Model Cards". */
export interface ModelCard {
  readonly name: string;
  readonly version: string;
  readonly markdown: string;
  /** false: somebody has written it, here or in MLflow */
  readonly generated: boolean;
  /** null too where it was written in MLflow */
  readonly edited_by: string | null;
  readonly edited_at: string | null;
  /** the facts that a card is generated from */
  readonly data: Readonly<Record<string, JSONValue>>;
}

/** The text of a card. */
export interface CardChange {
  /** Markdown; an empty one brings the generated card back */
  readonly markdown: string;
}

/** An MLflow experiment. */
export interface Experiment {
  readonly id: string;
  readonly name: string;
}

/** An MLflow run as lists show it. */
export interface Run {
  readonly id: string;
  readonly name: string;
  readonly experiment_id: string;
  readonly experiment: string;
  /** MLflow's RUNNING, SCHEDULED, FINISHED, FAILED or KILLED */
  readonly status: string;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  readonly owner: string | null;
  readonly parameters: Readonly<Record<string, string>>;
  /** last values; one that is not finite is null */
  readonly metrics: Readonly<Record<string, number | null>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly job_id: string | null;
  /** MLflow's deleted: out of the lists, and can be restored */
  readonly archived: boolean;
}

/** One page of runs. */
export interface RunPage {
  readonly items: ReadonlyArray<Run>;
  readonly next: string | null;
  /** how many all pages have; null where that was not asked for, or only MLflow could count them */
  readonly total: number | null;
}

/** A run with what hangs on it. */
export interface RunDetail {
  readonly id: string;
  readonly name: string;
  readonly experiment_id: string;
  readonly experiment: string;
  /** MLflow's RUNNING, SCHEDULED, FINISHED, FAILED or KILLED */
  readonly status: string;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  readonly owner: string | null;
  readonly parameters: Readonly<Record<string, string>>;
  /** last values; one that is not finite is null */
  readonly metrics: Readonly<Record<string, number | null>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly job_id: string | null;
  /** MLflow's deleted: out of the lists, and can be restored */
  readonly archived: boolean;
  readonly datasets: ReadonlyArray<Readonly<Record<string, JSONValue>>>;
  readonly artifacts: ReadonlyArray<string>;
  readonly models: ReadonlyArray<Readonly<Record<string, JSONValue>>>;
}

/** One metric of a run over its steps, by step and time; as many of each list. */
export interface RunCurve {
  readonly run_id: string;
  readonly key: string;
  /** points that the run has; more than these where they were sampled */
  readonly count: number;
  readonly step: ReadonlyArray<number>;
  /** milliseconds since the epoch */
  readonly time: ReadonlyArray<number>;
  /** one that is not finite is null */
  readonly value: ReadonlyArray<number | null>;
}

/** One metric of several runs, in the order in which they were asked for. */
export interface RunCurves {
  readonly key: string;
  readonly curves: ReadonlyArray<RunCurve>;
}

/** What to change of a run; what is null stays as it is. */
export interface RunChange {
  readonly name: string | null;
  /** Markdown; an empty one is taken away */
  readonly note: string | null;
  /** null takes a tag away */
  readonly tags: Readonly<Record<string, string | null>> | null;
  readonly archived: boolean | null;
}

/** The same change of several runs. */
export interface RunsChange {
  readonly name: string | null;
  /** Markdown; an empty one is taken away */
  readonly note: string | null;
  /** null takes a tag away */
  readonly tags: Readonly<Record<string, string | null>> | null;
  readonly archived: boolean | null;
  readonly runs: ReadonlyArray<string>;
}

/** Which runs to delete, and whether for good. */
export interface RunsDeletion {
  readonly runs: ReadonlyArray<string>;
  /** with artifacts, never to be restored; else they are archived */
  readonly permanent: boolean;
}

/** What a deletion has freed. */
export interface RunDeleted {
  /** of artifacts; 0 for a run that was archived */
  readonly freed_bytes: number;
}

/** What became of one of several runs. */
export interface RunDone {
  readonly run_id: string;
  readonly ok: boolean;
  /** why not */
  readonly message: string | null;
  readonly freed_bytes: number;
}

/** What became of each run, in the order in which they were named. */
export interface RunsDone {
  readonly items: ReadonlyArray<RunDone>;
  readonly freed_bytes: number;
}

/** A file or folder of a run. */
export interface Artifact {
  /** within the run's artifacts, with / between folders */
  readonly path: string;
  readonly is_dir: boolean;
  /** bytes; null for a folder */
  readonly size: number | null;
}

/** What is in a folder: folders first, by name. */
export interface ArtifactPage {
  readonly items: ReadonlyArray<Artifact>;
  readonly next: string | null;
}

/** A column of a table. */
export interface TableColumn {
  readonly name: string;
  readonly type: string;
}

/** The first rows of a parquet file; each value as text, null where there is none. */
export interface ArtifactTable {
  readonly columns: ReadonlyArray<TableColumn>;
  readonly rows: ReadonlyArray<ReadonlyArray<string | null>>;
  /** rows of the whole file */
  readonly count: number;
  /** columns that are not here */
  readonly more_columns: number;
}

/** One of the runs that are compared. */
export interface ComparedRun {
  readonly id: string;
  readonly name: string;
  readonly experiment: string;
  readonly status: string;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  readonly archived: boolean;
}

/** One name, and what each run has for it; null where a run has none. */
export interface ComparedRow {
  readonly key: string;
  readonly values: ReadonlyArray<string | number | null>;
  readonly differs: boolean;
}

/** Several runs side by side; `values` of each row are in the order of `runs`. */
export interface RunComparison {
  readonly runs: ReadonlyArray<ComparedRun>;
  /** git commit, branch, and what was run */
  readonly source: ReadonlyArray<ComparedRow>;
  readonly parameters: ReadonlyArray<ComparedRow>;
  /** last values */
  readonly metrics: ReadonlyArray<ComparedRow>;
  /** digests of the data sets */
  readonly data: ReadonlyArray<ComparedRow>;
  /** what each logged model was registered as */
  readonly models: ReadonlyArray<ComparedRow>;
  /** all but MLflow's own */
  readonly tags: ReadonlyArray<ComparedRow>;
}

/** What two runs differ in. */
export interface RunDifference {
  readonly before: ComparedRun;
  readonly after: ComparedRun;
  readonly source: ReadonlyArray<Difference>;
  readonly parameters: ReadonlyArray<Difference>;
  readonly metrics: ReadonlyArray<Difference>;
  /** digests of the data sets */
  readonly data: ReadonlyArray<Difference>;
  /** Python and packages */
  readonly environment: ReadonlyArray<Difference>;
  /** unified diff of the code cells */
  readonly code: string;
  /** what could not be compared, and why */
  readonly notes: ReadonlyArray<string>;
}

/** The runs whose parameters are weighed, and by which metric. */
export interface ImportanceRequest {
  readonly runs: ReadonlyArray<string>;
  readonly metric: string;
}

/** How much a parameter has to do with a metric. */
export interface ParameterImportance {
  readonly name: string;
  /** of what all parameters explain, from 0 to 1 */
  readonly share: number;
  /** Spearman's, from -1 to 1, of a parameter that is a number */
  readonly correlation: number | null;
}

/** How much each parameter of some runs has to do with a metric, the weightiest first. */
export interface RunImportance {
  readonly metric: string;
  /** those that have the metric */
  readonly runs: number;
  /** share of the metric's variance, by rank, that the parameters foretell; below 0: none */
  readonly explained: number | null;
  /** those that differ */
  readonly parameters: ReadonlyArray<ParameterImportance>;
  /** why nothing was weighed */
  readonly message: string | null;
}

/** Where a schedule stands; an ended one has no instant left. */
export type ScheduleState =
  | 'active'
  | 'paused'
  | 'ended';

/** What becomes of a due instant while an earlier job of the schedule has not ended. */
export type Overlap =
  | 'skip'
  | 'queue'
  | 'allow'
  | 'replace';

/** Which instants still run that were due while no engine lived. */
export type CatchUp =
  | 'skip'
  | 'latest'
  | 'all';

/** What became of a due instant. */
export type OccurrenceState =
  | 'ran'
  | 'caught_up'
  | 'skipped'
  | 'missed';

/** When a schedule is due, by one of `cron`, `every` and `at`, and what it does when things get in the way. */
export interface When {
  /** five fields: minute hour day month weekday */
  readonly cron: string | null;
  /** IANA zone in which cron is read, like Europe/Berlin */
  readonly timezone: string;
  /** seconds between two instants */
  readonly every: number | null;
  /** one instant */
  readonly at: string | null;
  /** while an earlier job of it has not ended */
  readonly overlap: Overlap;
  /** instants that were due while nothing could run them */
  readonly catch_up: CatchUp;
  /** with catch_up all, at most so many of the newest */
  readonly catch_up_limit: number;
  /** seconds after which an instant is missed */
  readonly max_lateness: number | null;
}

/** A notebook, what its jobs are asked for, and when. */
export interface ScheduleSpec {
  /** five fields: minute hour day month weekday */
  readonly cron?: string | null;
  /** IANA zone in which cron is read, like Europe/Berlin */
  readonly timezone?: string;
  /** seconds between two instants */
  readonly every?: number | null;
  /** one instant */
  readonly at?: string | null;
  /** while an earlier job of it has not ended */
  readonly overlap?: Overlap;
  /** instants that were due while nothing could run them */
  readonly catch_up?: CatchUp;
  /** with catch_up all, at most so many of the newest */
  readonly catch_up_limit?: number;
  /** seconds after which an instant is missed */
  readonly max_lateness?: number | null;
  /** devices that it waits for and has to itself; 1 where it says which */
  readonly gpus?: number | null;
  /** a part of the model's name: A100 */
  readonly gpu_type?: string | null;
  /** bytes that each device has at least; with gpu_shared, the share of each */
  readonly gpu_memory?: number | null;
  /** a share of each device, not the whole of it */
  readonly gpu_shared?: boolean;
  /** higher runs first */
  readonly priority?: number;
  /** seconds that one attempt may take */
  readonly timeout?: number | null;
  /** seconds that one cell may take */
  readonly cell_timeout?: number | null;
  /** seconds from submission in which it ends, all retries counted */
  readonly deadline?: number | null;
  /** further attempts after one that failed */
  readonly retries?: number;
  /** the reasons to retry on; any that a retry can help by default */
  readonly retry_on?: ReadonlyArray<Reason> | null;
  /** seconds before the first retry, doubled each time */
  readonly retry_delay?: number;
  /** bytes that all of its processes may have together */
  readonly memory?: number | null;
  /** its devices can be taken back for others; it then goes on from its last checkpoint */
  readonly interruptible?: boolean;
  /** parameter -> env:VARIABLE or file:PATH on the host that runs it */
  readonly secrets?: Readonly<Record<string, string>>;
  /** a retry goes on behind the last checkpoint cell that is still valid */
  readonly resume?: boolean;
  /** models that it trains are logged by themselves */
  readonly autolog?: boolean;
  readonly notify?: ReadonlyArray<Notify>;
  /** path of the notebook */
  readonly notebook: string;
  /** how lists show it; the notebook's name by default */
  readonly name?: string | null;
  /** values of the parameters cell */
  readonly parameters?: Readonly<Record<string, JSONValue>>;
}

/** What to change of a schedule; what is absent stays as it is. */
export interface ScheduleChange {
  /** five fields: minute hour day month weekday */
  readonly cron: string | null;
  /** IANA zone in which cron is read, like Europe/Berlin */
  readonly timezone: string;
  /** seconds between two instants */
  readonly every: number | null;
  /** one instant */
  readonly at: string | null;
  /** while an earlier job of it has not ended */
  readonly overlap: Overlap;
  /** instants that were due while nothing could run them */
  readonly catch_up: CatchUp;
  /** with catch_up all, at most so many of the newest */
  readonly catch_up_limit: number;
  /** seconds after which an instant is missed */
  readonly max_lateness: number | null;
  /** devices that it waits for and has to itself; 1 where it says which */
  readonly gpus: number | null;
  /** a part of the model's name: A100 */
  readonly gpu_type: string | null;
  /** bytes that each device has at least; with gpu_shared, the share of each */
  readonly gpu_memory: number | null;
  /** a share of each device, not the whole of it */
  readonly gpu_shared: boolean;
  /** higher runs first */
  readonly priority: number;
  /** seconds that one attempt may take */
  readonly timeout: number | null;
  /** seconds that one cell may take */
  readonly cell_timeout: number | null;
  /** seconds from submission in which it ends, all retries counted */
  readonly deadline: number | null;
  /** further attempts after one that failed */
  readonly retries: number;
  /** the reasons to retry on; any that a retry can help by default */
  readonly retry_on: ReadonlyArray<Reason> | null;
  /** seconds before the first retry, doubled each time */
  readonly retry_delay: number;
  /** bytes that all of its processes may have together */
  readonly memory: number | null;
  /** its devices can be taken back for others; it then goes on from its last checkpoint */
  readonly interruptible: boolean;
  /** parameter -> env:VARIABLE or file:PATH on the host that runs it */
  readonly secrets: Readonly<Record<string, string>>;
  /** a retry goes on behind the last checkpoint cell that is still valid */
  readonly resume: boolean;
  /** models that it trains are logged by themselves */
  readonly autolog: boolean;
  readonly notify: ReadonlyArray<Notify>;
  readonly name: string | null;
  readonly parameters: Readonly<Record<string, JSONValue>> | null;
}

/** What became of one due instant: each has exactly one. */
export interface Occurrence {
  readonly scheduled_for: string;
  readonly state: OccurrenceState;
  readonly reason: string | null;
  readonly job_id: string | null;
  readonly decided_at: string;
}

/** A notebook that runs at certain instants, as it was when it was scheduled or last promoted. */
export interface Schedule {
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  readonly state: ScheduleState;
  readonly revision: number;
  readonly notebook: string;
  readonly parameters: Readonly<Record<string, JSONValue>>;
  readonly options: JobOptions;
  readonly when: When;
  readonly next_at: string | null;
  /** the newest occurrence */
  readonly last: Occurrence | null;
  /** the notebook has other code than what runs; null where it was not looked at or is gone */
  readonly edited: boolean | null;
  readonly created_at: string;
  readonly updated_at: string;
}

/** What becomes, or would become, of one notebook's schedule when schedules come from elsewhere. */
export interface ScheduleAction {
  readonly action: 'create' | 'update' | 'unchanged' | 'unmanaged' | 'refused';
  readonly notebook: string;
  readonly schedule_id: string | null;
  readonly changes: ReadonlyArray<string>;
  readonly message: string | null;
}

/** A future instant, in UTC and in the schedule's zone. */
export interface FireTime {
  readonly utc: string;
  /** ISO 8601 with the zone's offset */
  readonly local: string;
}

/** Where a sweep stands; `partial` has points that succeeded and points that did not. */
export type SweepState =
  | 'running'
  | 'succeeded'
  | 'partial'
  | 'failed'
  | 'cancelled';

/** A range of numbers, both ends included; `log` spreads points evenly over orders of magnitude. */
export interface Span {
  readonly low: number;
  readonly high: number;
  readonly log: boolean;
}

/** A metric, and which of its values are better. */
export interface Objective {
  readonly metric: string;
  readonly direction: 'minimize' | 'maximize';
}

/** A notebook, and the points of a space of its parameters at which it runs. */
export interface SweepSpec {
  /** devices that it waits for and has to itself; 1 where it says which */
  readonly gpus?: number | null;
  /** a part of the model's name: A100 */
  readonly gpu_type?: string | null;
  /** bytes that each device has at least; with gpu_shared, the share of each */
  readonly gpu_memory?: number | null;
  /** a share of each device, not the whole of it */
  readonly gpu_shared?: boolean;
  /** higher runs first */
  readonly priority?: number;
  /** seconds that one attempt may take */
  readonly timeout?: number | null;
  /** seconds that one cell may take */
  readonly cell_timeout?: number | null;
  /** seconds from submission in which it ends, all retries counted */
  readonly deadline?: number | null;
  /** further attempts after one that failed */
  readonly retries?: number;
  /** the reasons to retry on; any that a retry can help by default */
  readonly retry_on?: ReadonlyArray<Reason> | null;
  /** seconds before the first retry, doubled each time */
  readonly retry_delay?: number;
  /** bytes that all of its processes may have together */
  readonly memory?: number | null;
  /** its devices can be taken back for others; it then goes on from its last checkpoint */
  readonly interruptible?: boolean;
  /** parameter -> env:VARIABLE or file:PATH on the host that runs it */
  readonly secrets?: Readonly<Record<string, string>>;
  /** a retry goes on behind the last checkpoint cell that is still valid */
  readonly resume?: boolean;
  /** models that it trains are logged by themselves */
  readonly autolog?: boolean;
  readonly notify?: ReadonlyArray<Notify>;
  /** path of the notebook */
  readonly notebook: string;
  readonly name?: string | null;
  /** values that all points share */
  readonly parameters?: Readonly<Record<string, JSONValue>>;
  /** parameter -> its values, or a range; without one optuna takes the notebook's own limits */
  readonly space?: Readonly<Record<string, Span | ReadonlyArray<JSONValue>>>;
  readonly strategy?: 'grid' | 'random' | 'optuna';
  /** how many points; a grid has all of them */
  readonly trials?: number | null;
  /** what the best point is the best of */
  readonly metric?: string | null;
  readonly direction?: 'minimize' | 'maximize';
  /** several metrics at once, in place of `metric` */
  readonly objectives?: ReadonlyArray<Objective>;
  /** bounds on metrics that a good point keeps: latency <= 0.2 */
  readonly constraints?: ReadonlyArray<string>;
  /** how optuna chooses points; tpe by default */
  readonly sampler?: 'tpe' | 'random' | 'gp' | 'cmaes' | 'nsgaii' | 'qmc' | null;
  /** which points that `mlplat.report` has optuna end early; median by default */
  readonly pruner?: 'median' | 'halving' | 'hyperband' | 'none' | null;
  /** points that run at the same time */
  readonly parallel?: number | null;
  readonly seed?: number;
}

/** Where the job of a point stands; `pruned` is one that succeeded without having run to its end. */
export type PointState =
  | 'queued'
  | 'starting'
  | 'running'
  | 'succeeded'
  | 'pruned'
  | 'failed'
  | 'cancelled'
  | 'lost'
  | 'skipped';

/** One point of a sweep, and the newest job that ran it. */
export interface SweepPoint {
  readonly job_id: string;
  readonly state: PointState;
  readonly point: Readonly<Record<string, JSONValue>>;
  /** of the sweep's metric */
  readonly value: number | null;
  /** of its objectives */
  readonly values: ReadonlyArray<number | null>;
  /** the step at which the study found it hopeless */
  readonly pruned_at: number | null;
  /** it keeps the constraints; null where there are none, or no values */
  readonly feasible: boolean | null;
  /** of several objectives: no other point is better in all of them */
  readonly front: boolean;
}

/** A notebook at many points of its parameters, one job for each. */
export interface Sweep {
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  readonly state: SweepState;
  readonly notebook: string;
  readonly parameters: Readonly<Record<string, JSONValue>>;
  readonly options: JobOptions;
  readonly space: Readonly<Record<string, Span | ReadonlyArray<JSONValue>>>;
  readonly strategy: 'grid' | 'random' | 'optuna';
  readonly trials: number;
  readonly metric: string | null;
  readonly direction: 'minimize' | 'maximize';
  /** `metric` is the first of them */
  readonly objectives: ReadonlyArray<Objective>;
  readonly constraints: ReadonlyArray<string>;
  readonly sampler: string | null;
  readonly pruner: string | null;
  /** where Optuna keeps it: a journal, or a database without its password */
  readonly study: string | null;
  /** how Optuna itself opens it, in Python */
  readonly study_code: string | null;
  /** how its dashboard does, in a shell */
  readonly study_dashboard: string | null;
  readonly parallel: number | null;
  readonly message: string | null;
  /** point state -> points */
  readonly counts: Readonly<Record<string, number>>;
  /** null with several objectives: those with `front` */
  readonly best: SweepPoint | null;
  /** empty in lists */
  readonly points: ReadonlyArray<SweepPoint>;
  readonly created_at: string;
  readonly ended_at: string | null;
}

/** A trial of a sweep's study, as Optuna has it. */
export interface StudyTrial {
  readonly number: number;
  /** the newest job that ran it */
  readonly job_id: string | null;
  /** running, complete, pruned or fail */
  readonly state: string;
  /** of the objectives */
  readonly values: ReadonlyArray<number | null>;
  readonly params: Readonly<Record<string, JSONValue>>;
  /** what it reported on its way: [step, value], by step */
  readonly intermediate: ReadonlyArray<ReadonlyArray<number | null>>;
  /** from the choice of the point to its result */
  readonly duration_s: number | null;
}

/** What a sweep's study knows. */
export interface SweepStudy {
  readonly trials: ReadonlyArray<StudyTrial>;
  /** share of each parameter in reaching the best values; null while there are few */
  readonly importance: Readonly<Record<string, number>> | null;
  /** numbers of the best trials: one, or with several objectives those of the front */
  readonly front: ReadonlyArray<number>;
}
