/** What somebody writes and has not saved: it stays while they look at something else, and when the page is loaded again. */

/** A text, and which state of the card it was begun from. */
export interface IDraft {
  readonly text: string;
  readonly etag: string;
}

/** The drafts of one model's cards, in this tab of the browser. `place` tells models and servers apart. */
export class Drafts {
  constructor(private readonly _place: string) {}

  get(version: string): IDraft | null {
    const kept: unknown = JSON.parse(sessionStorage.getItem(this._key(version)) ?? 'null');
    return isDraft(kept) ? kept : null;
  }

  set(version: string, draft: IDraft | null): void {
    try {
      if (draft === null) {
        sessionStorage.removeItem(this._key(version));
      } else {
        sessionStorage.setItem(this._key(version), JSON.stringify(draft));
      }
    } catch {
      // The browser keeps no more: the editor has it for as long as it stands.
    }
  }

  private _key(version: string): string {
    return `jupyter-mlplat:card:${this._place}:${version}`;
  }
}

function isDraft(value: unknown): value is IDraft {
  return typeof value === 'object' && value !== null && 'text' in value && typeof value.text === 'string' && 'etag' in value && typeof value.etag === 'string';
}
