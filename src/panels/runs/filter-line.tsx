/** One line that says which runs are meant, in MLflow's syntax; what is wrong with it stands beneath. */

import * as React from 'react';
import type { IProblem } from '../../widgets/feedback';
import { useTrans } from '../../widgets/trans';

interface IFilterProps {
  readonly filter: string;
  readonly error: IProblem | null;
  readonly change: (filter: string) => void;
}

export function FilterLine({ filter, error, change }: IFilterProps): JSX.Element {
  const trans = useTrans();
  const [text, setText] = React.useState(filter);
  const id = React.useId();
  React.useEffect(() => {
    setText(filter);
  }, [filter]);
  return (
    <form
      role="search"
      className="jp-mlplat-filterLine"
      onSubmit={event => {
        event.preventDefault();
        change(text.trim());
      }}
    >
      <input
        type="search"
        className="jp-mlplat-search"
        value={text}
        spellCheck={false}
        aria-label={trans.__('Filter of the runs')}
        aria-invalid={error !== null}
        aria-describedby={error === null ? undefined : id}
        placeholder="metrics.auc > 0.9 AND (params.model = 'forest' OR NOT tags.team IN ('a', 'b'))"
        onChange={event => {
          setText(event.target.value);
          if (event.target.value === '' && filter !== '') {
            change('');
          }
        }}
      />
      <button type="submit" className="jp-mlplat-button" title={trans.__('List the runs that the filter names (Enter)')}>
        {trans.__('Filter')}
      </button>
      {error && (
        <p id={id} className="jp-mlplat-fieldError" role="alert">
          <bdi>{error.message}</bdi> {error.hint && <span className="jp-mlplat-hint">{error.hint}</span>}
        </p>
      )}
    </form>
  );
}
