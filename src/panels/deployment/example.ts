/** Request bodies in MLflow's scoring formats, seen as a table of columns and rows. */

import type { JSONObject, JSONValue } from '@lumino/coreutils';

export interface ITable {
  readonly format: 'dataframe_split' | 'dataframe_records';
  readonly columns: ReadonlyArray<string>;
  readonly rows: ReadonlyArray<ReadonlyArray<JSONValue>>;
}

export function isObject(value: unknown): value is JSONObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isScalar(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

/** The table in a request body; null when it is not one, or holds anything but scalars. */
export function readTable(body: JSONValue): ITable | null {
  if (!isObject(body)) {
    return null;
  }
  const split = body.dataframe_split;
  if (isObject(split) && Array.isArray(split.columns) && Array.isArray(split.data)) {
    const columns = split.columns.map(String);
    const rows = split.data.filter((row): row is JSONValue[] => Array.isArray(row));
    const fits = rows.length === split.data.length && rows.length > 0;
    return fits && rows.every(row => row.length === columns.length && row.every(isScalar))
      ? { format: 'dataframe_split', columns, rows }
      : null;
  }
  const records = body.dataframe_records;
  if (Array.isArray(records) && records.length > 0 && records.every(isObject)) {
    const columns = Object.keys(records[0]);
    const rows = records.map(record => columns.map(column => (record as JSONObject)[column] ?? null));
    return rows.every(row => row.every(isScalar)) ? { format: 'dataframe_records', columns, rows } : null;
  }
  return null;
}

/** The request body of a table, in the format it came in. */
export function writeTable(table: ITable): JSONValue {
  if (table.format === 'dataframe_split') {
    return { dataframe_split: { columns: [...table.columns], data: table.rows.map(row => [...row]) } };
  }
  return {
    dataframe_records: table.rows.map(row => Object.fromEntries(table.columns.map((column, index) => [column, row[index]])))
  };
}
