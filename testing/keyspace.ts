/**
 * Fencepost's keys read backwards: from a key's name to what it is of. Written apart from
 * `store/keys.ts`, which builds them, so that the history checker does not rely on it; a test holds
 * the two together.
 */
export interface KeyName {
  readonly kind: Kind;
  /** The part after the kind: a command's id, a queue, an agentId; empty where there is one such key. */
  readonly of: string;
}

const kinds = [
  'command',
  'exec',
  'commands',
  'history',
  'session',
  'scheduled',
  'queues',
  'paused',
  'index',
  'counts',
] as const;
type Kind = (typeof kinds)[number];

const start = 'fencepost:{';

/** Parses the name of a key of any partition; undefined for keys that the history checker has no use for. */
export function keyName(key: string): KeyName | undefined {
  if (!key.startsWith(start)) return undefined;
  const root = key.indexOf('}:', start.length);
  if (root === -1) return undefined;
  const colon = key.indexOf(':', root + 2);
  const kind = kinds.find((known) => known === key.slice(root + 2, colon === -1 ? undefined : colon));
  return kind && { kind, of: colon === -1 ? '' : key.slice(colon + 1) };
}

/** `<attempt>:<agentId>:<session>`: what a marker and the field `reported` hold. */
export interface Marker {
  readonly attempt: number;
  readonly agentId: string;
  readonly session: string;
}

/** An agent that never gave a session has an empty one. */
export function parseMarker(text: string): Marker {
  const [attempt = '', agentId = '', ...session] = text.split(':');
  return { attempt: Number(attempt), agentId, session: session.join(':') };
}
