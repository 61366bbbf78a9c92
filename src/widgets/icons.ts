/** Our icons: one per noun and one per state, drawn with the colour of the text they stand in. */

import { LabIcon } from '@jupyterlab/ui-components';

function icon(name: string, body: string, attributes = ''): LabIcon {
  return new LabIcon({
    name: `mlplat:${name}`,
    svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16" ${attributes}>${body}</svg>`
  });
}

const LINE = 'fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"';

/** Three nodes that feed one: notebooks in, a model out. */
export const platformIcon = new LabIcon({
  name: 'mlplat:platform',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="24" viewBox="0 0 24 24">
  <g class="jp-icon3 jp-icon-selectable" fill="#616161">
    <path d="M12 2.2 20.5 7v10L12 21.8 3.5 17V7zm0 2.1L5.4 8v8l6.6 3.7 6.6-3.7V8z"/>
    <circle cx="8.3" cy="9.9" r="1.6"/><circle cx="15.7" cy="9.9" r="1.6"/><circle cx="12" cy="16" r="1.9"/>
    <path d="m8.9 10.4 2.5 4.4-.9.5L8 10.9zm6.2 0 .9.5-2.5 4.4-.9-.5zM9.5 9.4h5v1h-5z"/>
  </g></svg>`
});

export const runAsJobIcon = new LabIcon({
  name: 'mlplat:run-as-job',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="24" viewBox="0 0 24 24">
  <g class="jp-icon3" fill="#616161">
    <path d="M12 3a9 9 0 1 0 8.9 10.3h-2A7 7 0 1 1 12 5c1.9 0 3.7.8 4.9 2.1L14 10h7V3l-2.7 2.7A9 9 0 0 0 12 3z"/>
    <path d="M10 8.5v7l5.5-3.5z"/>
  </g></svg>`
});

export const stateIcons = {
  queued: icon('queued', `<circle cx="8" cy="8" r="5.75" stroke-dasharray="2.4 2.1"/>`, LINE),
  running: icon(
    'running',
    `<circle cx="8" cy="8" r="5.75" opacity=".35"/><path d="M8 2.25A5.75 5.75 0 0 1 13.75 8"/>`,
    LINE
  ),
  succeeded: icon('succeeded', `<circle cx="8" cy="8" r="5.75"/><path d="m5.5 8.2 1.8 1.8 3.3-3.7"/>`, LINE),
  failed: icon('failed', `<circle cx="8" cy="8" r="5.75"/><path d="m6 6 4 4m0-4-4 4"/>`, LINE),
  lost: icon('lost', `<path d="M8 2.25A5.75 5.75 0 1 1 3 5.2"/><path d="M8 5v3.4m0 2.4v.1M2.2 2.4 3 5.2l2.8-.8"/>`, LINE),
  cancelled: icon('cancelled', `<circle cx="8" cy="8" r="5.75"/><path d="m4.2 11.8 7.6-7.6"/>`, LINE),
  warning: icon('warning', `<path d="M8 2.4 14.2 13H1.8z"/><path d="M8 6.4v3m0 1.9v.1"/>`, LINE),
  ready: icon('ready', `<circle cx="8" cy="8" r="5.75"/><circle cx="8" cy="8" r="2.6" fill="currentColor" stroke="none"/>`, LINE),
  stopped: icon('stopped', `<circle cx="8" cy="8" r="5.75"/><path d="M6 6h4v4H6z"/>`, LINE),
  caughtUp: icon('caught-up', `<circle cx="8" cy="8" r="5.75" opacity=".45"/><path d="M8 4.8V8l2.2 1.4M2.3 8.9A5.75 5.75 0 0 0 8 13.75"/>`, LINE),
  missed: icon('missed', `<circle cx="8" cy="8" r="5.75" stroke-dasharray="2.4 2.1"/><path d="m6 6 4 4m0-4-4 4"/>`, LINE),
  paused: icon('paused', `<circle cx="8" cy="8" r="5.75"/><path d="M6.5 6v4m3-4v4"/>`, LINE)
} as const;

export const scheduleIcon = icon('schedule', `<rect x="2.4" y="3.4" width="11.2" height="10.2" rx="1.4"/><path d="M2.6 6.6h10.8M5.4 2v2.4M10.6 2v2.4M8 8.6v1.9l1.4.8"/>`, LINE);
export const pauseIcon = icon('pause', `<path d="M5.5 4v8m5-8v8"/>`, LINE);
export const resumeIcon = icon('resume', `<path d="M5 3.6 12 8l-7 4.4z"/>`, LINE);
export const editIcon = icon('edit', `<path d="m3 13 .7-3L10.6 3.1l2.3 2.3L6 12.3zM9.2 4.5l2.3 2.3"/>`, LINE);
export const compareIcon = icon('compare', `<path d="M3 4.5h6M6 1.8v5.4M3 12h6"/><path d="M12.6 2v12" opacity=".5"/>`, LINE);
export const promoteIcon = icon('promote', `<path d="M8 13.5V5.2m0 0L4.8 8.4M8 5.2l3.2 3.2M3.4 2.5h9.2"/>`, LINE);
export const cancelIcon = icon('cancel', `<rect x="3.5" y="3.5" width="9" height="9" rx="1.5" fill="currentColor"/>`);
export const gpuIcon = new LabIcon({
  name: 'mlplat:gpu',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="24" viewBox="0 0 24 24">
  <g class="jp-icon3 jp-icon-selectable" fill="#616161">
    <path d="M3 5h2v14H3zm3 1.5h15v9H6zm2 2v5h11v-5zm.5 8H18v2H8.5z"/>
    <circle cx="11" cy="11" r="1.7"/><circle cx="16" cy="11" r="1.7"/>
  </g></svg>`
});
export const trashIcon = icon('trash', `<path d="M3 4.5h10M6.5 4V2.8h3V4m-5 .5.6 8.7h5.8l.6-8.7M6.8 7v3.8M9.2 7v3.8"/>`, LINE);
export const tryIcon = icon('try', `<path d="M2.5 8h7m0 0L6.8 5.3M9.5 8l-2.7 2.7M9 3h3.2a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1H9"/>`, LINE);
export const deployIcon = icon('deploy', `<path d="M8 10V2.5m0 0L5 5.5m3-3 3 3M3 9.5v3a1 1 0 0 0 1 1h8a1 1 0 0 0 1-1v-3"/>`, LINE);
export const driftIcon = icon('drift', `<path d="M1.8 12.5c2.4 0 2.4-8 4.8-8s2.4 8 4.8 8" opacity=".45"/><path d="M4.6 12.5c2.4 0 2.4-8 4.8-8s2.4 8 4.8 8"/>`, LINE);
export const againIcon = icon('again', `<path d="M13 8a5 5 0 1 1-1.5-3.6L13 5.8M13 2.5v3.3H9.7"/>`, LINE);
export const statusIcon = icon('status', `<path d="M1.8 8.5h3L6.5 4l3 8 1.7-3.5h3"/>`, LINE);
export const openIcon = icon('open', `<path d="M7 3H3.8a.8.8 0 0 0-.8.8v8.4c0 .4.4.8.8.8h8.4c.4 0 .8-.4.8-.8V9M9.5 3H13v3.5M13 3 7.5 8.5"/>`, LINE);
export const jobsIcon = icon('jobs', `<rect x="2.4" y="2.9" width="11.2" height="10.2" rx="1.4"/><path d="M5 6h.1M5 8h.1M5 10h.1M7.2 6h3.9M7.2 8h3.9M7.2 10h3.9"/>`, LINE);
export const sweepIcon = icon('sweep', `<rect x="2.6" y="2.6" width="4.4" height="4.4" rx="1"/><rect x="9" y="2.6" width="4.4" height="4.4" rx="1"/><rect x="2.6" y="9" width="4.4" height="4.4" rx="1"/><rect x="9" y="9" width="4.4" height="4.4" rx="1" fill="currentColor"/>`, LINE);
export const pipelineIcon = icon('pipeline', `<rect x="1.6" y="5.8" width="4.4" height="4.4" rx="1"/><rect x="10" y="2" width="4.4" height="4.4" rx="1"/><rect x="10" y="9.6" width="4.4" height="4.4" rx="1"/><path d="M6 8c2.4 0 1.6-3.8 4-3.8M6 8c2.4 0 1.6 3.8 4 3.8"/>`, LINE);
export const bestIcon = icon('best', `<path d="m8 2.2 1.8 3.7 4 .6-2.9 2.8.7 4L8 11.4l-3.6 1.9.7-4-2.9-2.8 4-.6z" fill="currentColor"/>`, LINE);
export const moreIcon = icon('more', `<path d="m4 6 4 4 4-4"/>`, LINE);
export const archiveIcon = icon('archive', `<path d="M2.4 3h11.2v3H2.4zM3.4 6v6.6a.8.8 0 0 0 .8.8h7.6a.8.8 0 0 0 .8-.8V6M6.4 8.6h3.2"/>`, LINE);
export const restoreIcon = icon('restore', `<path d="M3 8a5 5 0 1 0 1.5-3.6L3 5.8M3 2.5v3.3h3.3M8 5.6V8l1.8 1.2"/>`, LINE);
export const tagIcon = icon('tag', `<path d="M8.6 2.4h4.2a.8.8 0 0 1 .8.8v4.2L8 13a.8.8 0 0 1-1.1 0L3 9.1A.8.8 0 0 1 3 8z"/><path d="M10.9 5.1h.1"/>`, LINE);
export const modelIcon = icon('model', `<path d="M8 1.9 13.4 5v6L8 14.1 2.6 11V5z"/><path d="M2.8 5.1 8 8l5.2-2.9M8 8v6"/>`, LINE);
export const lockIcon = icon('lock', `<rect x="3.4" y="7" width="9.2" height="6.6" rx="1.2"/><path d="M5.4 7V5a2.6 2.6 0 0 1 5.2 0v2M8 9.6v1.4"/>`, LINE);
export const unlockIcon = icon('unlock', `<rect x="3.4" y="7" width="9.2" height="6.6" rx="1.2"/><path d="M5.4 7V4.6a2.6 2.6 0 0 1 5-1"/>`, LINE);
export const dataIcon = icon('data', `<ellipse cx="8" cy="3.9" rx="5" ry="1.9"/><path d="M3 3.9v8.2c0 1 2.2 1.9 5 1.9s5-.9 5-1.9V3.9M3 8c0 1 2.2 1.9 5 1.9s5-.9 5-1.9"/>`, LINE);
export const featuresIcon = icon('features', `<path d="M2.4 3h11.2v10H2.4zM2.4 6.3h11.2M6.2 3v10M9.8 3v10"/>`, LINE);
export const bookIcon = icon('book', `<path d="M4 2h8.4a.8.8 0 0 1 .8.8v10.4a.8.8 0 0 1-.8.8H4zM6.4 2v12M2.4 5h3M2.4 8h3M2.4 11h3"/>`, LINE);
export const codeIcon = icon('code', `<path d="m5.4 4.6-3.2 3.5 3.2 3.5m5.2-7 3.2 3.5-3.2 3.5M9 3.2 7 12.8"/>`, LINE);
export const pictureIcon = icon('picture', `<rect x="2.4" y="3" width="11.2" height="10" rx="1.2"/><path d="m2.8 11.4 3.2-3.2 2.4 2.2 2-1.8 2.8 2.6"/><circle cx="10.6" cy="6" r=".9"/>`, LINE);
