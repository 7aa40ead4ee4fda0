import { type Redis } from 'ioredis';
import { z } from 'zod';
import { agentKey, agentsKey, type PartitionKeys } from '../store/keys.js';
import { callScript, callScripts, valueOf } from './scripts.js';

/** The scripts that change no command, as functions: who an agent is, and which of its sessions is the newest. */

export interface Registration {
  readonly agentId: string;
  readonly instance: string;
  readonly boot: number;
  readonly host: string;
  readonly leaseMs: number;
  /** `<instance>.<boot>`, as agents of earlier versions had it, when left out. */
  readonly session?: string | undefined;
  /** Sessions of earlier runs whose processes are proved dead: the name is taken over from them at once. */
  readonly earlier?: readonly string[] | undefined;
  /** More that GET /agents shows: pid, version, queues, types, concurrency. */
  readonly fields: Readonly<Record<string, string | number>>;
}

export interface NameHolder {
  readonly instance: string;
  readonly host: string;
  readonly pid: string;
  /** A secret: never shown. */
  readonly session: string;
  /** Redis time in ms. */
  readonly lastSeen: number;
  /** How long until the holder counts as gone, unless it sends another heartbeat. */
  readonly leaseLeftMs: number;
}

export type RegisterReply =
  | {
      readonly word: 'ok';
      /** Redis time in ms. */
      readonly now: number;
      /** An operator wants this session to take no more commands. */
      readonly draining: boolean;
    }
  | { readonly word: 'taken'; readonly holder: NameHolder }
  | { readonly word: 'old-session' };

/** How long the registration of an agent that was lost stays visible. */
const registrationTtlMs = 3600 * 1000;

const registerReplySchema = z.union([
  z
    .tuple([z.literal('ok'), z.number(), z.literal([0, 1])])
    .transform(([word, now, draining]): RegisterReply => ({ word, now, draining: draining === 1 })),
  z.tuple([z.literal('old-session')]).transform(([word]): RegisterReply => ({ word })),
  z
    .tuple([
      z.literal('taken'),
      z.string(),
      z.string(),
      z.string().nullable(),
      z.coerce.number(),
      z.coerce.number(),
      z.string(),
    ])
    .transform(([word, instance, host, pid, lastSeen, leaseLeftMs, session]): RegisterReply => ({
      word,
      holder: { instance, host, pid: pid ?? '', session, lastSeen, leaseLeftMs },
    })),
]);

/** `<instance>.<boot>`: one run of the process of an agent of an earlier version. */
const sessionOf = (agent: { readonly instance: string; readonly boot: number }) =>
  `${agent.instance}.${agent.boot}`;

/**
 * The field `announced` of a registration: in which versions a session knows its types. It names the
 * session, since heartbeats leave it alone, and another session may know others. The script `register`
 * keeps in it the versions that the session announced before, of types that it names and does not announce anew.
 */
export const announcedBy = (session: string, versions: readonly string[]) =>
  `${session} ${versions.join(',')}`;

/** The versions in such a field, when it is of that session. */
export function versionsAnnounced(field: string, session: string): string[] {
  const [of, versions = ''] = field.split(' ');
  return of === session && versions !== '' ? versions.split(',') : [];
}

/** Takes an agent's name, or renews the hold on it: the heartbeat is the same call. */
export async function register(redis: Redis, agent: Registration): Promise<RegisterReply> {
  const args = registerArgs(agent);
  const reply = registerReplySchema.parse(await callScript(redis, 'register', agentKey(agent.agentId), args));
  // Not in the script: in a sharded Redis this key has a slot of its own. It only lists; when it cannot
  // be added to (Redis is full), the agent works all the same, and the next heartbeat tries again.
  if (reply.word === 'ok') await redis.sadd(agentsKey, agent.agentId).catch(() => undefined);
  return reply;
}

function registerArgs(agent: Registration): (string | number)[] {
  const { instance, boot, host, leaseMs, earlier = [] } = agent;
  const fields = Object.entries({ ...agent.fields, session: agent.session ?? sessionOf(agent) }).flat();
  const ttlMs = Math.max(registrationTtlMs, 2 * leaseMs);
  return [instance, boot, host, leaseMs, ttlMs, fields.length / 2, ...fields, earlier.length, ...earlier];
}

/** The heartbeats of many agents that are registered, in one round trip. @returns a reply per agent, in order */
export async function registerAgain(redis: Redis, agents: readonly Registration[]): Promise<RegisterReply[]> {
  const calls = agents.map((agent) => ({
    name: 'register' as const,
    key: agentKey(agent.agentId),
    args: registerArgs(agent),
  }));
  const replies = await callScripts(redis, calls);
  return replies.map((reply) => registerReplySchema.parse(valueOf(reply)));
}

/** The newest session of an agent in this partition, or '' when none was admitted. */
export async function newestSession(redis: Redis, keys: PartitionKeys, agentId: string): Promise<string> {
  try {
    return (await redis.get(keys.session(agentId))) ?? '';
  } catch (error) {
    // The key holds something else: `admit` counts it as unset, and replaces it.
    if (error instanceof Error && error.message.startsWith('WRONGTYPE')) return '';
    throw error;
  }
}

/**
 * Makes a session the newest of its agent, after `register` replied ok.
 *
 * @param seen what `newestSession` returned before `register` was called
 */
export async function admit(
  redis: Redis,
  keys: PartitionKeys,
  agentId: string,
  session: string,
  seen: string,
): Promise<'ok' | 'old-session'> {
  const reply = await callScript(redis, 'admit', keys.root, [agentId, session, seen]);
  return z.tuple([z.enum(['ok', 'old-session'])]).parse(reply)[0];
}

/** Releases an agent's name. */
export async function leave(
  redis: Redis,
  agentId: string,
  instance: string,
  boot: number,
): Promise<'left' | 'moot'> {
  const reply = await callScript(redis, 'leave', agentKey(agentId), [instance, boot]);
  return z.tuple([z.enum(['left', 'moot'])]).parse(reply)[0];
}

/** Asks the session that is registered under this name to take no more commands. @returns its session */
export async function drain(redis: Redis, agentId: string): Promise<string | undefined> {
  const reply = await callScript(redis, 'drain', agentKey(agentId), ['']);
  return z
    .union([z.tuple([z.literal('draining'), z.string()]), z.tuple([z.literal('nobody')])])
    .parse(reply)[1];
}
