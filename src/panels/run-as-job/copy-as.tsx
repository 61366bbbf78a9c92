/** "Copy as command": what the form would send, as text for another door. */

import * as React from 'react';
import { Copyable, Tabs, TextButton } from '../../widgets/parts';
import { useTrans } from '../../widgets/trans';
import { commandText, type Door, DOORS } from './command-text';
import type { Spec } from './values';

export function CopyAs(props: { readonly spec: Spec; readonly baseUrl: string }): JSX.Element {
  const trans = useTrans();
  const [open, setOpen] = React.useState(false);
  const [door, setDoor] = React.useState<Door>('CLI');
  const text = commandText(door, props.spec, props.baseUrl);
  const box = React.useRef<HTMLDivElement>(null);
  React.useEffect(() => {
    if (open) {
      box.current?.scrollIntoView({ block: 'nearest' });
    }
  }, [open, door]);
  return (
    <div className="jp-mlplat-copyAs" ref={box}>
      <TextButton
        label={open ? trans.__('Copy as command ▴') : trans.__('Copy as command ▾')}
        onClick={() => {
          setOpen(!open);
        }}
      />
      {open && (
        <div className="jp-mlplat-copyAsBody">
          <Tabs
            label={trans.__('Door')}
            tabs={DOORS.map(each => ({ id: each, label: each }))}
            chosen={door}
            choose={id => {
              setDoor(DOORS.find(each => each === id) ?? 'CLI');
            }}
          />
          <pre tabIndex={0} aria-label={trans.__('Command')}>
            {text}
          </pre>
          <Copyable text={text} shown={trans.__('Copy')} label={trans.__('command')} />
        </div>
      )}
    </div>
  );
}
