/**
 * Where the nodes of a graph stand when it is drawn left to right: in layers by what they need, few edges crossing.
 *
 * After Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures", 1981: layers by
 * the longest way, places held for edges that pass a layer, order within a layer by the mean of the neighbours.
 */

/** Pixels of a box: its width as there is room, its height. */
export interface IShape {
  readonly least: number;
  readonly most: number;
  readonly height: number;
}

export const BOX: IShape = { least: 148, most: 172, height: 58 };
const GAP = { x: 40, y: 16 };
const PASS = 14;
const ROUNDS = 6;

export interface INode {
  readonly name: string;
  readonly needs: ReadonlyArray<string>;
}

export interface IPlaced {
  readonly name: string;
  readonly x: number;
  readonly y: number;
}

export interface IEdge {
  readonly from: string;
  readonly to: string;
  /** Path data of an SVG. */
  readonly path: string;
}

export interface ILayout {
  readonly width: number;
  readonly height: number;
  /** Of a box. */
  readonly box: number;
  readonly nodes: ReadonlyMap<string, IPlaced>;
  readonly edges: ReadonlyArray<IEdge>;
}

/** A node, or a place that an edge passes. */
interface ISlot {
  readonly name: string | null;
  readonly height: number;
  readonly before: ISlot[];
  readonly after: ISlot[];
  place: number;
  y: number;
}

function slotOf(name: string | null, height: number): ISlot {
  return { name, height: name === null ? PASS : height, before: [], after: [], place: 0, y: 0 };
}

/** Layer of each node: one more than the last of those that it needs. */
function layersOf(nodes: ReadonlyArray<INode>): Map<string, number> {
  const layers = new Map<string, number>();
  for (const node of nodes) {
    const needed = node.needs.map(name => layers.get(name) ?? -1);
    layers.set(node.name, 1 + Math.max(-1, ...needed));
  }
  return layers;
}

/** Places of `nodes`, which stand in an order in which they may run; boxes are as wide as `room` for all of them lets them be. */
export function layoutOf(nodes: ReadonlyArray<INode>, room: number, shape: IShape = BOX): ILayout {
  const layers = layersOf(nodes);
  const columns: ISlot[][] = Array.from({ length: 1 + Math.max(-1, ...layers.values()) }, () => []);
  const slots = new Map<string, ISlot>();
  const ways: { readonly from: string; readonly to: string; readonly slots: ISlot[] }[] = [];
  for (const node of nodes) {
    const slot = slotOf(node.name, shape.height);
    const layer = layers.get(node.name) ?? 0;
    slots.set(node.name, slot);
    columns[layer].push(slot);
    for (const name of node.needs) {
      const first = slots.get(name);
      if (first === undefined) {
        continue;
      }
      const passed = columns.slice((layers.get(name) ?? 0) + 1, layer).map(column => {
        const pass = slotOf(null, shape.height);
        column.push(pass);
        return pass;
      });
      const way = [first, ...passed, slot];
      way.slice(1).forEach((each, index) => {
        each.before.push(way[index]);
        way[index].after.push(each);
      });
      ways.push({ from: name, to: node.name, slots: way });
    }
  }
  order(columns);
  const wish = (room + GAP.x) / Math.max(1, columns.length) - GAP.x;
  const box = Math.round(Math.min(shape.most, Math.max(shape.least, wish)));
  const heights = columns.map(column => column.reduce((sum, slot) => sum + slot.height + GAP.y, -GAP.y));
  const height = Math.max(0, ...heights);
  columns.forEach((column, index) => {
    let y = (height - heights[index]) / 2;
    for (const slot of column) {
      slot.y = y;
      y += slot.height + GAP.y;
    }
  });
  const placed = new Map<string, IPlaced>();
  for (const [name, slot] of slots) {
    placed.set(name, { name, x: (layers.get(name) ?? 0) * (box + GAP.x), y: slot.y });
  }
  return {
    width: Math.max(0, columns.length * (box + GAP.x) - GAP.x),
    height,
    box,
    nodes: placed,
    edges: ways.map(way => ({ from: way.from, to: way.to, path: pathOf(way.slots, layers.get(way.from) ?? 0, box) }))
  };
}

function order(columns: ReadonlyArray<ISlot[]>): void {
  const number = (column: ISlot[]): void => {
    column.forEach((slot, index) => {
      slot.place = index / Math.max(1, column.length - 1);
    });
  };
  const sort = (column: ISlot[], side: 'before' | 'after'): void => {
    const wish = (slot: ISlot): number =>
      slot[side].length === 0 ? slot.place : slot[side].reduce((sum, each) => sum + each.place, 0) / slot[side].length;
    const wishes = new Map(column.map(slot => [slot, wish(slot)]));
    column.sort((one, other) => (wishes.get(one) ?? 0) - (wishes.get(other) ?? 0));
    number(column);
  };
  columns.forEach(number);
  for (let round = 0; round < ROUNDS; round += 1) {
    columns.slice(1).forEach(column => {
      sort(column, 'before');
    });
    [...columns].reverse().slice(1).forEach(column => {
      sort(column, 'after');
    });
  }
  columns.slice(1).forEach(column => {
    sort(column, 'before');
  });
}

/** From the right side of the first box through all places to the left side of the last one. */
function pathOf(way: ReadonlyArray<ISlot>, layer: number, box: number): string {
  const middle = (slot: ISlot): number => slot.y + slot.height / 2;
  let x = layer * (box + GAP.x) + box;
  let path = `M${x} ${middle(way[0])}`;
  way.slice(1).forEach((slot, index) => {
    const half = x + GAP.x / 2;
    const end = x + GAP.x;
    path += `C${half} ${middle(way[index])} ${half} ${middle(slot)} ${end} ${middle(slot)}`;
    x = end + box;
    if (slot.name === null) {
      path += `H${x}`;
    }
  });
  return path;
}
