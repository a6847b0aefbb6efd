// SPDX-License-Identifier: Apache-2.0
// Numbers as people read them, and byte offsets (the server's) as string offsets (the browser's).

export const count = (value: number): string => value.toLocaleString('en');

export function bytes(value: number): string {
  if (value < 1024) return `${value} B`;
  if (value < 1024 * 1024) return `${(value / 1024).toFixed(1)} KB`;
  return `${(value / 1024 / 1024).toFixed(1)} MB`;
}

export function duration(seconds: number): string {
  if (seconds < 0) return 'not known yet';
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${String(Math.round(seconds % 60)).padStart(2, '0')} s`;
}

export function moment(ms: number): string {
  return ms > 0 ? new Date(ms).toLocaleString() : '–';
}

/** An exact decimal string with two decimals, or up to six where the amount is small. */
export function money(decimal: string, currency: string): string {
  const value = Number(decimal);
  const digits = value !== 0 && Math.abs(value) < 0.1 ? 6 : 2;
  const options = { minimumFractionDigits: 2, maximumFractionDigits: digits };
  return `${value.toLocaleString('en', options)} ${currency}`;
}

/** Cuts text at UTF-8 byte offsets: before, inside, after. */
export function cutAtBytes(text: string, begin: number, end: number): [string, string, string] {
  const encoded = new TextEncoder().encode(text);
  const decode = (from: number, to: number) => new TextDecoder().decode(encoded.slice(from, to));
  return [decode(0, begin), decode(begin, end), decode(end, encoded.length)];
}

export const words: Record<string, string> = {
  pass: 'passed', fail: 'failed', not_enough_evidence: 'not enough evidence', never: 'not yet',
  tune: 'tune', retrieve: 'retrieve', both: 'tune and retrieve', do_not: 'do not',
};
