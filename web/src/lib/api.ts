// SPDX-License-Identifier: Apache-2.0
// The console's only way to the server: typed calls on the HTTP API (docs/formats/http_api.md).

export interface Session {
  tenant: string; admin: boolean; workspace: string; currency: string; version: string;
}
export interface Step {
  step: string; scenario: string; state: 'done' | 'running' | 'failed' | 'never';
  started_ms: number;
  finished_ms: number; summary: string; run: string; has_report: boolean; error: string;
}
export interface Scenario {
  name: string; kind: string; verdict: string; gate: string; release: string; released_ms: number;
}
export interface Status {
  workspace: {
    name: string; root: string; languages: string[]; currency: string; base_model: string;
  };
  steps: Step[]; scenarios: Scenario[];
  documents: { done: number; skipped: number; failed: number };
}
export interface ProgressRecord {
  step: string; detail: string; done: number; total: number; unit: string; seconds: number;
  eta_seconds: number; finished: boolean;
}
export interface DocumentRow {
  id: string; source: string; path: string; title: string; media_type: string; language: string;
  state: 'done' | 'skipped' | 'failed' | 'removed'; reason: string; bytes: number;
  characters: number;
}
export interface DocumentText {
  id: string; path: string; title: string; language: string; media_type: string; text: string;
  sections: { heading: string[]; begin: number; end: number; page: number }[];
  page_starts: number[];
}
export interface Citation {
  number: number; document: string; path: string; title: string; heading: string[]; page: number;
  begin: number; end: number; quote: string;
}
export interface Grounding {
  refused: boolean; support: number; threshold: number; release: string; citations: Citation[];
  /** When refused: passages that come nearest; they may not answer. */
  nearest?: Citation[];
}
export interface Totals {
  requests: number; input_uncached: number; input_cached: number; output: number; engine_ms: number;
  cost: string; price: string; margin: string;
}
export interface LedgerLine extends Totals { tenant: string; scenario: string }
export interface LedgerDay extends Totals { day: string }
export interface Ledger {
  currency: string; from: string; to: string; price_book: string; totals: Totals;
  lines: LedgerLine[];
  days: LedgerDay[]; reconciled: boolean; differences: string[];
  machine: { cost_per_hour: string; cost_per_engine_hour: string; utilisation: number };
}
export interface Usage {
  prompt_tokens: number; completion_tokens: number;
  prompt_tokens_details?: { cached_tokens: number };
}

const storageKey = 'cairn-key';
let key = sessionStorage.getItem(storageKey) ?? '';

export function setKey(value: string): void {
  key = value;
  if (value) sessionStorage.setItem(storageKey, value);
  else sessionStorage.removeItem(storageKey);
}
export const hasKey = (): boolean => key !== '';

export class ApiError extends Error {
  constructor(readonly status: number, message: string) { super(message); }
}

async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set('Authorization', `Bearer ${key}`);
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers });
  } catch (failure) {
    if (failure instanceof DOMException && failure.name === 'AbortError') throw failure;
    throw new ApiError(0, 'The server cannot be reached. Is `cairn serve` running?');
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => null);
  throw new ApiError(response.status, body?.error?.message ?? `HTTP ${response.status}`);
}

const json = async <T>(path: string): Promise<T> => (await request(path)).json() as Promise<T>;

export const getSession = () => json<Session>('/api/session');
export const getStatus = () => json<Status>('/api/status');
export const getDocuments = async () =>
  (await json<{ documents: DocumentRow[] }>('/api/documents')).documents;
/** As the release knows it that cites it; without a release, the newest text. */
export const getDocument = (id: string, release = '') =>
  json<DocumentText>(
    `/api/documents/${encodeURIComponent(id)}?release=${encodeURIComponent(release)}`);
export const getLedger = (from: string, to: string) =>
  json<Ledger>(`/api/ledger?from=${from}&to=${to}`);
/** What can be talked to: a scenario that quotes, one that writes in a style, the base model. */
export interface Model { id: string; kind: 'qa' | 'style' | 'base' }
export const getModels = async () =>
  (await json<{ data: { id: string; cairn: { kind: string } }[] }>('/v1/models')).data
    .map((model) => ({ id: model.id, kind: model.cairn.kind }))
    .filter((model): model is Model => model.kind !== 'encoder');

/** A report or an invoice as text, to be shown in a sandboxed frame or saved. */
export const getText = async (path: string) => (await request(path)).text();

/** Server-sent events over fetch (EventSource cannot send a key); until aborted or ended. */
async function readEvents(
  response: Response, onEvent: (event: string, data: string) => void,
): Promise<void> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    buffer += value;
    for (let end = buffer.indexOf('\n\n'); end >= 0; end = buffer.indexOf('\n\n')) {
      const lines = buffer.slice(0, end).split('\n');
      buffer = buffer.slice(end + 2);
      const event = lines.find((line) => line.startsWith('event: '))?.slice(7) ?? 'message';
      const data = lines.filter((line) => line.startsWith('data: ')).map((line) => line.slice(6));
      if (data.length > 0) onEvent(event, data.join('\n'));
    }
  }
}

export async function followEvents(
  signal: AbortSignal, onEvent: (event: string, data: string) => void,
): Promise<void> {
  await readEvents(await request('/api/events', { signal }), onEvent);
}

export interface ChatMessage { role: 'user' | 'assistant'; content: string }
export interface ChatHandlers {
  onText: (piece: string) => void; onGrounding: (grounding: Grounding) => void;
  onUsage: (usage: Usage) => void;
}

export async function chat(
  model: string, messages: ChatMessage[], signal: AbortSignal, handlers: ChatHandlers,
): Promise<void> {
  const response = await request('/v1/chat/completions', {
    method: 'POST', signal, headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(
      { model, messages, stream: true, stream_options: { include_usage: true } },
    ),
  });
  await readEvents(response, (_, data) => {
    if (data === '[DONE]') return;
    const chunk = JSON.parse(data);
    if (chunk.error) throw new ApiError(500, chunk.error.message);
    if (chunk.usage) handlers.onUsage(chunk.usage);
    const delta = chunk.choices?.[0]?.delta;
    if (delta?.content) handlers.onText(delta.content);
    if (delta?.cairn) handlers.onGrounding(delta.cairn);
  });
}
