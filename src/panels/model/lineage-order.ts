/** Which things of a lineage are drawn, in an order in which each stands behind what it is made of. */

import type { Lineage, LineageNode } from '../../types';

/** Of one kind, made of the same and leading to the same, so many are drawn; the rest are counted. */
export const SHOWN = 6;

/** A thing, and what it is made of. */
export interface IOrdered {
  readonly node: LineageNode;
  readonly from: ReadonlyArray<LineageNode>;
  readonly to: ReadonlyArray<LineageNode>;
}

interface IPlace {
  /** Its name in the drawing. */
  readonly name: string;
  readonly needs: ReadonlyArray<string>;
}

/** What is drawn: a thing, or how many others there are like those before it. */
export type IShown = IPlace &
  (
    | { readonly kind: 'node'; readonly node: LineageNode; readonly from: ReadonlyArray<LineageNode> }
    | { readonly kind: 'rest'; readonly of: LineageNode['kind']; readonly count: number }
  );

/** All things of a lineage, each behind what it is made of (Kahn, 1962); what goes in a circle stands at the end. */
export function ordered({ nodes, edges }: Lineage): IOrdered[] {
  const known = new Map(nodes.map(node => [node.id, node]));
  const [before, after] = [new Map<string, LineageNode[]>(), new Map<string, LineageNode[]>()];
  for (const { source, target } of edges) {
    const [from, to] = [known.get(source), known.get(target)];
    if (from && to && from !== to) {
      before.set(target, [...(before.get(target) ?? []), from]);
      after.set(source, [...(after.get(source) ?? []), to]);
    }
  }
  const left = new Map(nodes.map(node => [node.id, before.get(node.id)?.length ?? 0]));
  const ready = nodes.filter(node => left.get(node.id) === 0);
  const done: LineageNode[] = [];
  for (let node = ready.shift(); node !== undefined; node = ready.shift()) {
    done.push(node);
    for (const next of after.get(node.id) ?? []) {
      const missing = (left.get(next.id) ?? 0) - 1;
      left.set(next.id, missing);
      if (missing === 0) {
        ready.push(next);
      }
    }
  }
  const circle = nodes.filter(node => !done.includes(node));
  return [...done, ...circle].map(node => ({ node, from: before.get(node.id) ?? [], to: after.get(node.id) ?? [] }));
}

/** What is drawn of them: all, or of many that are alike the first ones. */
export function shownOf(all: ReadonlyArray<IOrdered>, whole: boolean): IShown[] {
  const ids = (nodes: ReadonlyArray<LineageNode>): string[] => nodes.map(each => each.id);
  const alike = new Map<string, IOrdered[]>();
  for (const each of all) {
    const key = JSON.stringify([each.node.kind, ids(each.from), ids(each.to)]);
    alike.set(key, [...(alike.get(key) ?? []), each]);
  }
  // One more than what is shown needs no box that says so.
  const folded = whole ? [] : [...alike].filter(([, group]) => group.length > SHOWN + 1);
  const standsFor = new Map(folded.flatMap(([key, group]) => group.slice(SHOWN).map(each => [each.node.id, `rest ${key}`] as const)));
  const counts = new Map(folded.map(([key, group]) => [`rest ${key}`, group.length - SHOWN]));
  const shown = new Map<string, IShown>();
  for (const { node, from } of all) {
    const needs = [...new Set(ids(from).map(id => standsFor.get(id) ?? id))];
    const rest = standsFor.get(node.id);
    if (rest === undefined) {
      shown.set(node.id, { kind: 'node', name: node.id, needs, node, from });
    } else if (!shown.has(rest)) {
      shown.set(rest, { kind: 'rest', name: rest, needs, of: node.kind, count: counts.get(rest) ?? 0 });
    }
  }
  return [...shown.values()];
}
