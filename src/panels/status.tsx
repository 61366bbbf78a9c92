/** What the platform says about itself: versions, places, and what is missing and why. */

import { Dialog, showDialog } from '@jupyterlab/apputils';
import * as React from 'react';
import type { Status } from '../types';
import { stateIcons } from '../widgets/icons';
import { Facts } from '../widgets/parts';
import { TransContext } from '../widgets/trans';
import type { IPanelContext } from './context';

/** Fetches the status and shows it in a dialog. */
export async function showStatus(context: IPanelContext): Promise<void> {
  const status = await context.model.api.status();
  await showDialog({
    title: context.trans.__('ML Platform %1', status.version),
    body: <StatusBody status={status} context={context} />,
    buttons: [Dialog.okButton({ label: context.trans.__('Close') })]
  });
}

function StatusBody(props: { readonly status: Status; readonly context: IPanelContext }): JSX.Element {
  const { status } = props;
  const { trans } = props.context;
  return (
    <TransContext.Provider value={trans}>
      <div className="jp-mlplat jp-mlplat-status">
        <Facts
          rows={[
            [trans.__('Data'), <code key="h">{status.home}</code>],
            [trans.__('Store'), <code key="s">{status.store}</code>],
            [trans.__('MLflow'), <code key="m">{status.tracking_uri}</code>],
            [trans.__('Backend'), status.backend],
            [trans.__('Engine'), status.engine ? trans.__('running, process %1', String(status.engine.pid)) : trans.__('asleep; it wakes with the next job')],
            [trans.__('Owner'), status.owner],
            [trans.__('Python'), `${status.python} · ${status.platform}`]
          ]}
        />
        <table className="jp-mlplat-table">
          <thead>
            <tr>
              <th scope="col">{trans.__('Part')}</th>
              <th scope="col">{trans.__('State')}</th>
              <th scope="col">{trans.__('Detail')}</th>
            </tr>
          </thead>
          <tbody>
            {status.parts.map(part => {
              const icon = part.available ? stateIcons.succeeded : stateIcons.cancelled;
              const tone = part.available ? 'success' : 'quiet';
              return (
                <tr key={part.name}>
                  <th scope="row">{part.name}</th>
                  <td>
                    <span className="jp-mlplat-state" data-tone={tone}>
                      <span className="jp-mlplat-stateIcon" data-tone={tone} aria-hidden>
                        <icon.react tag={null} />
                      </span>
                      <span>{part.available ? trans.__('Available') : trans.__('Not available')}</span>
                    </span>
                  </td>
                  <td>
                    {part.detail}
                    {part.hint && <p className="jp-mlplat-hint">{part.hint}</p>}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </TransContext.Provider>
  );
}
