/** What somebody writes and has not saved: it stays while they look at another version, or close the view. */

/** A text, and which state of the card it was begun from. */
export interface IDraft {
  readonly text: string;
  readonly etag: string;
}

export class Drafts {
  get(version: string): IDraft | null {
    return this._drafts.get(version) ?? null;
  }

  set(version: string, draft: IDraft | null): void {
    if (draft === null) {
      this._drafts.delete(version);
    } else {
      this._drafts.set(version, draft);
    }
  }

  private readonly _drafts = new Map<string, IDraft>();
}
