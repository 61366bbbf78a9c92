/** Commands of pipelines: look, cancel, run again what did not succeed. */

import { PipelineView } from '../panels/pipeline/view';
import { failedNodes, progressWords } from '../panels/pipeline/words';
import { CommandIDs } from '../tokens';
import type { Pipeline } from '../types';
import { againIcon, cancelIcon, moreIcon, pipelineIcon } from '../widgets/icons';
import { choose, type ICommand, type ICommandContext, STRING, sure, text } from './command';

export function pipelineCommands({ context, show }: ICommandContext): ICommand[] {
  const { model, trans } = context;
  const { pipelines } = model.api;
  const id = { id: STRING(trans.__('id of the pipeline')) };

  /** The pipeline that `args` names, else one that the user chooses. */
  const meant = async (
    args: { readonly id?: unknown },
    title: string,
    fits: (pipeline: Pipeline) => boolean = () => true
  ): Promise<string | undefined> => {
    const given = text(args.id);
    if (given !== undefined) {
      return given;
    }
    await model.pipelines.refresh();
    const all = (model.pipelines.data?.items ?? []).filter(fits);
    const words = (each: Pipeline): string => `${each.name} · ${each.state} · ${each.id}`;
    return (await choose(title, all, words, trans.__('There is no pipeline to choose.')))?.id;
  };

  return [
    {
      id: CommandIDs.openPipeline,
      label: trans.__('Open Pipeline'),
      caption: trans.__('Open a pipeline: its graph, how far it is, what failed'),
      icon: pipelineIcon,
      args: id,
      run: async args => {
        const chosen = await meant(args, trans.__('Open which pipeline?'));
        if (chosen) {
          await show(`jp-mlplat-pipeline-${chosen}`, () => new PipelineView(context, chosen));
        }
      }
    },
    {
      id: CommandIDs.cancelPipeline,
      label: trans.__('Cancel Pipeline'),
      caption: trans.__('Stop the jobs of a pipeline that wait or run, and start no more of it'),
      icon: cancelIcon,
      args: id,
      run: async args => {
        const chosen = await meant(args, trans.__('Cancel which pipeline?'), each => each.state === 'running');
        if (!chosen) {
          return;
        }
        const pipeline = await pipelines.get(chosen);
        const question = trans.__('%1. Nodes that have ended keep their results; what the others computed and did not save is lost.', progressWords(pipeline, trans));
        if (await sure(trans, trans.__('Cancel the pipeline %1?', pipeline.name), question, trans.__('Cancel pipeline'))) {
          await pipelines.cancel(chosen);
          model.pipelines.invalidate();
        }
      }
    },
    {
      id: CommandIDs.rerunPipeline,
      label: trans.__('Rerun What Did Not Succeed'),
      caption: trans.__('Run those nodes of a pipeline again that did not succeed, and only those'),
      icon: againIcon,
      args: id,
      run: async args => {
        const chosen = await meant(args, trans.__('Rerun the failed nodes of which pipeline?'), each => failedNodes(each) > 0);
        if (chosen) {
          await pipelines.retry(chosen);
          model.pipelines.invalidate();
        }
      }
    },
    {
      id: CommandIDs.morePipelines,
      label: trans.__('Show More Pipelines'),
      caption: trans.__('List older pipelines as well'),
      icon: moreIcon,
      run: () => {
        model.more('pipelines');
      }
    }
  ];
}
