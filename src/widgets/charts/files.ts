/** What is drawn as a picture and as a table for other programs. */

import { save } from '../save';
import type { IInk } from '../theme';

/** A canvas on the ground of the theme, with a title above it and names below. */
export function savePicture(
  canvas: HTMLCanvasElement,
  name: string,
  ink: IInk,
  names: ReadonlyArray<{ readonly name: string; readonly colour: string }> = []
): void {
  const scale = devicePixelRatio;
  const line = 20 * scale;
  const listed = names.slice(0, 20);
  const picture = document.createElement('canvas');
  picture.width = canvas.width;
  picture.height = canvas.height + line * (2 + listed.length);
  const pen = picture.getContext('2d');
  if (pen === null) {
    return;
  }
  pen.fillStyle = ink.ground;
  pen.fillRect(0, 0, picture.width, picture.height);
  pen.font = ink.font.replace('12px', `${13 * scale}px`);
  pen.fillStyle = ink.text;
  pen.fillText(name.slice(0, 200), 12 * scale, line);
  pen.drawImage(canvas, 0, line * 1.5);
  listed.forEach((each, index) => {
    const top = canvas.height + line * (2 + index);
    pen.fillStyle = each.colour;
    pen.fillRect(12 * scale, top - 8 * scale, 14 * scale, 4 * scale);
    pen.fillStyle = ink.text;
    pen.fillText(each.name.slice(0, 100), 34 * scale, top);
  });
  picture.toBlob(blob => {
    if (blob) {
      save(blob, `${name}.png`);
    }
  });
}

/** One field; one that a table program would take for a formula is made a text. */
function field(value: string | number | null): string {
  const text = value === null ? '' : String(value);
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}

export function saveTable(rows: ReadonlyArray<ReadonlyArray<string | number | null>>, name: string): void {
  const text = rows.map(row => row.map(field).join(',')).join('\r\n');
  save(new Blob([`${text}\r\n`], { type: 'text/csv' }), `${name}.csv`);
}
