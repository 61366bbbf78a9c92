/** What somebody looks at closely, live as long as they look: one job, one schedule, one sweep, a long list. */

export { ended, failedCell, type IJobView, watchJob } from './job';
export { type IJobList, JobList } from './job-list';
export { type IJobMove, JobMoves } from './moves';
export { type IScheduleView, watchSchedule } from './schedule';
export { watchSweep, watchSweeps } from './sweep';
