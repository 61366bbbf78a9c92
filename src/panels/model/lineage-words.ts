/** What the things of a lineage are called, how they look, and what a press on one opens. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { LabIcon } from '@jupyterlab/ui-components';
import { CommandIDs } from '../../tokens';
import type { LineageNode } from '../../types';
import { bookIcon, dataIcon, deployIcon, featuresIcon, jobsIcon, modelIcon, statusIcon } from '../../widgets/icons';
import type { Tone } from '../../widgets/state';
import { useTrans } from '../../widgets/trans';
import { usePanel } from '../context';

export const KINDS: Readonly<Record<LineageNode['kind'], { readonly icon: LabIcon; readonly tone: Tone }>> = {
  data: { icon: dataIcon, tone: 'quiet' },
  features: { icon: featuresIcon, tone: 'quiet' },
  notebook: { icon: bookIcon, tone: 'quiet' },
  job: { icon: jobsIcon, tone: 'quiet' },
  run: { icon: statusIcon, tone: 'quiet' },
  version: { icon: modelIcon, tone: 'brand' },
  deployment: { icon: deployIcon, tone: 'success' }
};

export function kindWord(kind: LineageNode['kind'], trans: TranslationBundle): string {
  switch (kind) {
    case 'data':
      return trans.__('Data');
    case 'features':
      return trans.__('Features');
    case 'notebook':
      return trans.__('Notebook');
    case 'job':
      return trans.__('Job');
    case 'run':
      return trans.__('Run');
    case 'version':
      return trans.__('Version');
    case 'deployment':
      return trans.__('Endpoint');
  }
}

export interface IOpener {
  /** What a press does. */
  readonly words: string;
  readonly open: () => void;
}

/** What a press on a thing opens; null where there is nothing to open. */
export function useOpener(node: LineageNode, showData: () => void): IOpener | null {
  const trans = useTrans();
  const { commands } = usePanel();
  const { target } = node;
  if (target === null) {
    return null;
  }
  const runs = (words: string, command: string, args: Record<string, string>): IOpener => ({
    words,
    open: () => {
      void commands.execute(command, args);
    }
  });
  switch (node.kind) {
    case 'notebook':
      return runs(trans.__('open the notebook'), 'docmanager:open', { path: target });
    case 'job':
      return runs(trans.__('open the job'), CommandIDs.openJob, { id: target });
    case 'run':
      return runs(trans.__('open the run'), CommandIDs.openRun, { id: target });
    case 'deployment':
      return runs(trans.__('open the deployment'), CommandIDs.openDeployment, { name: target });
    case 'features':
      return runs(trans.__('open the feature views'), CommandIDs.openPanel, { section: 'features' });
    case 'version': {
      const at = target.lastIndexOf('/');
      return runs(trans.__('open the version'), CommandIDs.openModel, { name: target.slice(0, at), version: target.slice(at + 1), page: 'overview' });
    }
    case 'data':
      return {
        words: trans.__('show the data of this version'),
        open: showData
      };
  }
}
