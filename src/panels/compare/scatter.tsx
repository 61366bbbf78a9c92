/** Runs as points between any two of their parameters and metrics, with the colour of a third. */

import * as React from 'react';
import type { Run } from '../../types';
import { CommandIDs } from '../../tokens';
import { Choose, Ramp } from '../../widgets/charts/choosers';
import { savePicture } from '../../widgets/charts/files';
import type { IMark } from '../../widgets/charts/marks';
import { Plane } from '../../widgets/charts/plane';
import { pictureIcon } from '../../widgets/icons';
import { IconButton } from '../../widgets/parts';
import { rampOf, useInk } from '../../widgets/theme';
import { useTrans } from '../../widgets/trans';
import { valueText } from '../runs/columns';
import { usePanel } from '../context';
import { fieldsOf, type IField, spreads } from './fields';

const HEIGHT = 430;

interface IPoint extends IMark {
  readonly run: number;
}

export function Scatter({ runs }: { readonly runs: ReadonlyArray<Run> }): JSX.Element {
  const trans = useTrans();
  const ink = useInk();
  const { commands } = usePanel();
  const canvas = React.useRef<HTMLCanvasElement>(null);
  const fields = React.useMemo(() => fieldsOf(runs), [runs]);
  const [wanted, setWanted] = React.useState<Readonly<Record<'x' | 'y' | 'colour', string>>>({ x: '', y: '', colour: '' });
  const differing = fields.filter(spreads);
  const metrics = differing.filter(field => field.metric);
  const given = (id: string, first: IField | undefined): IField | undefined => fields.find(field => field.id === id) ?? first ?? fields.at(0);
  const y = given(wanted.y, metrics.at(0));
  const x = given(wanted.x, differing.find(field => !field.metric) ?? metrics.at(1));
  const colour = given(wanted.colour, metrics.at(1) ?? metrics.at(0));
  const points = React.useMemo(
    () =>
      (x?.places ?? []).flatMap((across, run): IPoint[] => {
        const [up, share] = [y?.places[run] ?? null, colour?.places[run] ?? null];
        return across === null || up === null
          ? []
          : [{ run, x: across, y: up, shape: 'dot', colour: share === null ? ink.faint : rampOf(share, ink) }];
      }),
    [x, y, colour, ink]
  );
  const axes = React.useMemo(() => [x, y].map(field => ({ name: field?.title ?? '', ticks: field?.ticks ?? [] })), [x, y]);
  if (!x || !y || !colour) {
    return <p className="jp-mlplat-hint">{trans.__('These runs have no parameter and no metric yet.')}</p>;
  }
  const choose = (name: 'x' | 'y' | 'colour') => (id: string) => {
    setWanted({ ...wanted, [name]: id });
  };
  return (
    <div className="jp-mlplat-figure">
      <div className="jp-mlplat-curveTools" role="toolbar" aria-label={trans.__('What is drawn')}>
        <Choose label={trans.__('Across')} choices={fields} chosen={x.id} choose={choose('x')} />
        <Choose label={trans.__('Up')} choices={fields} chosen={y.id} choose={choose('y')} />
        <Choose label={trans.__('Colour')} choices={fields} chosen={colour.id} choose={choose('colour')} />
        <Ramp title={colour.title} ends={colour.ends} />
        <IconButton
          icon={pictureIcon}
          label={trans.__('Save as a picture')}
          onClick={() => {
            if (canvas.current) {
              savePicture(canvas.current, `${y.title} / ${x.title}`, ink);
            }
          }}
        />
      </div>
      <Plane
        label={trans.__('%1 by %2 of %3 runs; the tab Differences has the figures', y.title.slice(0, 80), x.title.slice(0, 80), points.length)}
        x={axes[0]}
        y={axes[1]}
        marks={points}
        height={HEIGHT}
        canvas={canvas}
        tip={index => {
          const { run } = points[index];
          return (
            <>
              <bdi>{runs[run].name.slice(0, 80)}</bdi>
              {[...new Set([y, x, colour])].map(field => (
                <span key={field.id}>
                  <bdi>{field.title.slice(0, 40)}</bdi> <b>{valueText(field.values[run] ?? undefined).slice(0, 40)}</b>
                </span>
              ))}
            </>
          );
        }}
        open={index => {
          void commands.execute(CommandIDs.openRun, { id: runs[points[index].run].id });
        }}
      />
    </div>
  );
}
