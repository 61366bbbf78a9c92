/** The token other extensions ask for, and the ids of our commands and plugins. */

import { Token } from '@lumino/coreutils';
import type { PlatformModel } from './model';

/** What the extension offers to other extensions: its live model. */
export interface IMLPlat {
  readonly model: PlatformModel;
}

export const IMLPlat = new Token<IMLPlat>(
  'jupyter-mlplat:IMLPlat',
  'The live model of the ML platform: jobs, runs, models, deployments, features, drift and GPUs.'
);

/** The npm name, which prefixes plugin ids. */
export const NAMESPACE = 'jupyter-mlplat';

/** Category of our commands in the palette. */
export const CATEGORY = 'ML Platform';

/** Gettext domain of our strings. */
export const DOMAIN = 'jupyter_mlplat';

/** The sections of the side panel, in their order. */
export const SECTIONS = ['jobs', 'runs', 'models', 'deployments', 'features', 'drift', 'gpus'] as const;
export type SectionName = (typeof SECTIONS)[number];

/** Every action is a command with one of these ids. */
export const CommandIDs = {
  openPanel: 'mlplat:open-panel',
  refresh: 'mlplat:refresh-panel',
  showStatus: 'mlplat:show-status',
  copyLink: 'mlplat:copy-link',
  runNotebook: 'mlplat:run-notebook',
  openJob: 'mlplat:open-job',
  cancelJob: 'mlplat:cancel-job',
  rerunJob: 'mlplat:rerun-job',
  deleteJob: 'mlplat:delete-job',
  downloadJob: 'mlplat:download-job',
  moreJobs: 'mlplat:list-more-jobs',
  openJobs: 'mlplat:open-jobs',
  cancelJobs: 'mlplat:cancel-jobs',
  rerunJobs: 'mlplat:rerun-jobs',
  deleteJobs: 'mlplat:delete-jobs',
  openSweep: 'mlplat:open-sweep',
  cancelSweep: 'mlplat:cancel-sweep',
  rerunSweep: 'mlplat:rerun-sweep',
  moreSweeps: 'mlplat:list-more-sweeps',
  openPipeline: 'mlplat:open-pipeline',
  cancelPipeline: 'mlplat:cancel-pipeline',
  rerunPipeline: 'mlplat:rerun-pipeline',
  morePipelines: 'mlplat:list-more-pipelines',
  openSchedules: 'mlplat:open-schedules',
  scheduleNotebook: 'mlplat:schedule-notebook',
  triggerSchedule: 'mlplat:trigger-schedule',
  pauseSchedule: 'mlplat:pause-schedule',
  resumeSchedule: 'mlplat:resume-schedule',
  editSchedule: 'mlplat:edit-schedule',
  compareSchedule: 'mlplat:compare-schedule',
  promoteSchedule: 'mlplat:promote-schedule',
  deleteSchedule: 'mlplat:delete-schedule',
  openRun: 'mlplat:open-run',
  openRunNotebook: 'mlplat:open-run-notebook',
  rerunRun: 'mlplat:rerun-run',
  openRuns: 'mlplat:open-runs',
  compareRuns: 'mlplat:compare-runs',
  tagRuns: 'mlplat:tag-runs',
  renameRun: 'mlplat:rename-run',
  archiveRuns: 'mlplat:archive-runs',
  restoreRuns: 'mlplat:restore-runs',
  deleteRuns: 'mlplat:delete-runs',
  chooseExperiment: 'mlplat:choose-experiment',
  openModel: 'mlplat:open-model',
  compareVersions: 'mlplat:compare-versions',
  setAlias: 'mlplat:set-alias',
  deleteAlias: 'mlplat:delete-alias',
  protectAlias: 'mlplat:protect-alias',
  deployModel: 'mlplat:deploy-model',
  openDeployment: 'mlplat:open-deployment',
  deleteDeployment: 'mlplat:delete-deployment',
  checkDrift: 'mlplat:check-drift',
  newGPUNotebook: 'mlplat:new-gpu-notebook',
  keepLease: 'mlplat:keep-lease',
  releaseLease: 'mlplat:release-lease',
  reserveGPUs: 'mlplat:reserve-gpus',
  cancelReservation: 'mlplat:cancel-reservation'
} as const;
