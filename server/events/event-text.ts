import { type ResyncEvent, type ResyncReason, type TransitionEvent } from '../../shared/protocol/api.js';
import { type Heard } from './transition-ring.js';

/**
 * The text of Server-Sent Events: https://html.spec.whatwg.org/multipage/server-sent-events.html.
 * A block with an id and without data is no event to a client, but moves its `Last-Event-ID`.
 */
export function textOf(id: string, heard: Heard): string {
  if (heard === 'gap') return resyncText(id, 'gap');
  const { id: commandId, status, attempt, progress, atMs } = heard;
  const data: TransitionEvent = { commandId, status, attempt, progress, at: new Date(atMs).toISOString() };
  return `id: ${id}\nevent: transition\ndata: ${JSON.stringify(data)}\n\n`;
}

export function resyncText(id: string, reason: ResyncReason): string {
  const data: ResyncEvent = { reason };
  return `id: ${id}\nevent: resync\ndata: ${JSON.stringify(data)}\n\n`;
}

/** A block with only an id, so that a client that was sent no event yet can still resume from here. */
export const openingText = (id: string) => `id: ${id}\n\n`;

/** Keeps proxies from closing a quiet stream, and the client's id from growing old in it. */
export const heartbeatText = (id: string) => `: heartbeat\nid: ${id}\n\n`;

/** How long a client waits before it reconnects: random, so that not all do at once when a server stops. */
export const retryText = () => `retry: ${1000 + Math.floor(Math.random() * 2000)}\n`;
