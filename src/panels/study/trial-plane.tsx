/** Trials between two axes: hover says what is known of one, a press opens its job. */

import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { Sweep } from '../../types';
import type { IMark } from '../../widgets/charts/marks';
import { Plane, type PlaneAxis } from '../../widgets/charts/plane';
import { useInk } from '../../widgets/theme';
import { usePanel } from '../context';
import { lookOf, TrialTip } from './looks';
import type { ITrial } from './trials';

/** Pixels. */
const HEIGHT = 300;

interface ITrialPlaneProps {
  readonly sweep: Sweep;
  readonly label: string;
  readonly x: PlaneAxis;
  readonly y: PlaneAxis;
  readonly trials: ReadonlyArray<ITrial>;
  /** Where a trial stands; null for one that has no place. */
  readonly place: (trial: ITrial) => readonly [number, number] | null;
  readonly tint?: (trial: ITrial) => string;
  readonly line?: ReadonlyArray<readonly [number, number]>;
  readonly canvas: React.RefObject<HTMLCanvasElement>;
}

export function TrialPlane({ sweep, label, x, y, trials, place, tint, line, canvas }: ITrialPlaneProps): JSX.Element {
  const { commands } = usePanel();
  const ink = useInk();
  const placed = React.useMemo(
    () =>
      trials.flatMap((trial): { readonly trial: ITrial; readonly mark: IMark }[] => {
        const at = place(trial);
        return at === null ? [] : [{ trial, mark: { x: at[0], y: at[1], ...lookOf(trial, ink, tint?.(trial)) } }];
      }),
    [trials, place, tint, ink]
  );
  const marks = React.useMemo(() => placed.map(each => each.mark), [placed]);
  return (
    <Plane
      label={label}
      x={x}
      y={y}
      marks={marks}
      line={line}
      height={HEIGHT}
      canvas={canvas}
      tip={index => <TrialTip sweep={sweep} trial={placed[index].trial} />}
      open={index => {
        const { jobId } = placed[index].trial;
        if (jobId !== null) {
          void commands.execute(CommandIDs.openJob, { id: jobId });
        }
      }}
    />
  );
}
