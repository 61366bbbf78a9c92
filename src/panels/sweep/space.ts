/** The space of a sweep: which values its parameters take, and the axis on which they stand. */

import type { JSONValue } from '@lumino/coreutils';
import type { Span, Sweep } from '../../types';
import { type IAxis, keyOf, numberAxis, placesAxis } from '../../widgets/charts/axis';

/** True for a range of numbers. */
export function isSpan(values: Sweep['space'][string] | undefined): values is Span {
  return values !== undefined && 'low' in values;
}

/** The different values that a parameter takes, numbers by size, others as they come. */
export function valuesOf(sweep: Sweep, name: string): JSONValue[] {
  const listed = sweep.space[name];
  const all = isSpan(listed) ? [] : [...listed];
  const values = [...new Map([...all, ...sweep.points.map(each => each.point[name])].map(value => [keyOf(value), value])).values()];
  return values.every(value => typeof value === 'number') ? values.sort((one, other) => Number(one) - Number(other)) : values;
}

/** The axis of a parameter, as its space says. */
export function axisOf(sweep: Sweep, name: string): IAxis {
  const space = sweep.space[name];
  if (isSpan(space)) {
    return numberAxis(name, [space.low, space.high], space.log);
  }
  const values = valuesOf(sweep, name);
  const numbers = values.filter(value => typeof value === 'number');
  if (numbers.length < values.length || numbers.length < 2) {
    return placesAxis(name, values);
  }
  return numberAxis(name, numbers, Math.min(...numbers) > 0 && Math.max(...numbers) / Math.min(...numbers) >= 50);
}
