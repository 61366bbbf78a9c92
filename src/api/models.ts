/** The routes of registered models: versions, aliases and who may move them, lineage, cards. */

import type { Http, ITagged } from '../http';
import type { AliasRequest, Lineage, ModelCard, ModelVersionDetail, Page, RegisteredModel, VersionComparison } from '../types';

/** Models of one page, and of a list altogether. */
const PAGE = 200;
const MOST = 1000;

/** Milliseconds that a comparison may take, which reads the files of two models. */
const SLOW = 120_000;

/** What is done with a request. */
export type Verdict = 'approve' | 'reject' | 'withdraw';

/** What a change of an alias led to: the model as it stands then or, for a protected one, a request. */
export type AliasOutcome = { readonly model: RegisteredModel } | { readonly request: AliasRequest };

function outcomeOf(answer: RegisteredModel | AliasRequest): AliasOutcome {
  return 'versions' in answer ? { model: answer } : { request: answer };
}

export class ModelApi {
  constructor(private readonly _http: Http) {}

  /** All of them, by name. */
  async list(signal?: AbortSignal): Promise<Page<RegisteredModel>> {
    const items: RegisteredModel[] = [];
    let next: string | null = null;
    do {
      const page: Page<RegisteredModel> = await this._http.json(['models'], { query: { limit: PAGE, after: next }, signal });
      items.push(...page.items);
      next = page.next;
    } while (next !== null && items.length < MOST);
    return { items, next };
  }

  get(name: string, signal?: AbortSignal): Promise<RegisteredModel> {
    return this._http.json(['models', name], { signal });
  }

  version(name: string, version: string, signal?: AbortSignal): Promise<ModelVersionDetail> {
    return this._http.json(['models', name, 'versions', version], { signal });
  }

  /** What `after` has that `before` had not, and the other way round. */
  compare(name: string, before: string, after: string, signal?: AbortSignal): Promise<VersionComparison> {
    return this._http.json(['models', name, 'compare'], { query: { version: [before, after] }, signal, timeout: SLOW });
  }

  lineage(name: string, version: string, signal?: AbortSignal): Promise<Lineage> {
    return this._http.json(['models', name, 'versions', version, 'lineage'], { signal });
  }

  card(name: string, version: string, signal?: AbortSignal): Promise<ITagged<ModelCard>> {
    return this._http.tagged(['models', name, 'versions', version, 'card'], { signal });
  }

  /** Keeps a text as the card, unless somebody else changed it since `etag`; an empty one has it generated again. */
  saveCard(name: string, version: string, markdown: string, etag: string): Promise<ITagged<ModelCard>> {
    const headers = { 'If-Match': etag };
    return this._http.tagged(['models', name, 'versions', version, 'card'], { method: 'PUT', body: { markdown }, headers });
  }

  async setAlias(name: string, alias: string, version: string, why: string): Promise<AliasOutcome> {
    return outcomeOf(await this._http.json(['models', name, 'aliases', alias], { method: 'PUT', body: { version, why } }));
  }

  async deleteAlias(name: string, alias: string, why: string): Promise<AliasOutcome> {
    return outcomeOf(await this._http.json(['models', name, 'aliases', alias], { method: 'DELETE', query: { why } }));
  }

  /** From now on somebody else has to approve what is done with an alias, or no longer: which itself becomes a request. */
  protect(name: string, alias: string, protect: boolean, why = ''): Promise<RegisteredModel> {
    return this._http.json(['models', name, 'protection', alias], { method: protect ? 'PUT' : 'DELETE', query: { why } });
  }

  decide(name: string, request: string, verdict: Verdict, why: string): Promise<RegisteredModel> {
    return this._http.json(['models', name, 'requests', request, verdict], { method: 'POST', body: { why } });
  }
}
