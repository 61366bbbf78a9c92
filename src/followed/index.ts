/** What somebody looks at closely, live as long as they look: one job, one schedule, one sweep, one pipeline, one model, a long list. */

export { ended, failedCell, type IJobView, watchJob } from './job';
export { type IJobRun, watchRunOfJob } from './job-run';
export { type IJobList, JobList } from './job-list';
export { type IVersionView, watchModel, watchModels, watchVersion } from './models';
export { type IJobMove, JobMoves } from './moves';
export { listPipelines, watchPipeline, watchPipelines } from './pipeline';
export { type IRunRows, RunList } from './run-list';
export { watchCurves, watchRuns } from './runs';
export { type IScheduleView, watchSchedule } from './schedule';
export { watchStudy, watchSweep, watchSweeps } from './sweep';
