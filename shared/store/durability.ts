import { type Redis } from 'ioredis';
import { z } from 'zod';

/** The settings and the state that Redis really runs with, as far as the guarantees rest on them. */
export interface Durability {
  /** Nothing that was acknowledged can be lost by a crash, and nothing is ever evicted. */
  readonly ok: boolean;
  /** For people: each guarantee that does not hold, and which setting fixes it. */
  readonly reasons: readonly string[];
  /** Why Redis takes no writes at all, or undefined when it does. */
  readonly readOnly: string | undefined;
}

/** The fields of a reply of INFO or CONFIG GET, by name. */
export type RedisFields = ReadonlyMap<string, string>;

/**
 * Asks Redis, and trusts no configuration file: Redis may have been started without it, or its settings
 * changed since.
 *
 * @throws what ioredis throws when Redis is away
 */
export async function readDurability(redis: Redis): Promise<Durability> {
  const [fields, settings, refusal] = await Promise.all([
    readInfo(redis),
    readSettings(redis, 'appendfsync', 'no-appendfsync-on-rewrite', 'min-replicas-to-write'),
    readRefusal(redis),
  ]);
  const reasons = fields
    ? [
        ...versionFaults(fields),
        ...appendOnlyFaults(fields),
        ...fsyncFaults(settings),
        ...evictionFaults(fields),
      ]
    : ['INFO is not allowed here, so whether Redis keeps what it acknowledges is not known'];
  const readOnly = refusal ?? (fields && readOnlyReason(fields, settings));
  if (readOnly !== undefined) reasons.push(readOnly);
  return { ok: reasons.length === 0, reasons, readOnly };
}

/** `INFO`, or undefined where this user may not ask. */
export async function readInfo(redis: Redis): Promise<RedisFields | undefined> {
  const info = await redis.info().catch(ifForbidden);
  return info === undefined ? undefined : parseInfo(info);
}

/** `CONFIG GET`, or undefined where a managed Redis, or an ACL, forbids it. */
export async function readSettings(
  redis: Redis,
  ...names: readonly string[]
): Promise<RedisFields | undefined> {
  const reply = await (redis.config('GET', ...names) as Promise<unknown>).catch(ifForbidden);
  if (reply === undefined) return undefined;
  const pairs = z.array(z.string()).parse(reply);
  return new Map(pairs.flatMap((name, i) => (i % 2 === 0 ? [[name, pairs[i + 1] ?? '']] : [])));
}

/** A Redis that refuses every write because its disk fails answers a PING like a write. */
async function readRefusal(redis: Redis): Promise<string | undefined> {
  try {
    await redis.ping();
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (error.message.startsWith('NOPERM')) return undefined;
    if (error.message.startsWith('MISCONF')) return `writes refused: ${error.message}`;
    throw error;
  }
}

function ifForbidden(error: unknown): undefined {
  if (error instanceof Error && /^(ERR|NOPERM)\b/.test(error.message)) return undefined;
  throw error;
}

/** The lines of INFO. */
export function parseInfo(info: string): RedisFields {
  const lines = info.split('\r\n').filter((line) => line.includes(':'));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}

function versionFaults(info: RedisFields): string[] {
  // Valkey calls itself redis_version 7.2.4.
  const version = info.get('redis_version') ?? '0';
  return Number.parseInt(version, 10) >= 7
    ? []
    : [`Redis ${version} is too old for Fencepost's scripts: it needs 7.0`];
}

function appendOnlyFaults(info: RedisFields): string[] {
  if (info.get('aof_enabled') !== '1') {
    return ['appendonly is off: a restart of Redis loses every command since its last snapshot'];
  }
  return info.get('aof_last_write_status') === 'err' ? ['the last write to the append-only file failed'] : [];
}

function fsyncFaults(settings: RedisFields | undefined): string[] {
  if (!settings) return ['CONFIG GET is not allowed here, so whether appendfsync is always is not known'];
  const faults: string[] = [];
  const policy = settings.get('appendfsync');
  if (policy !== 'always') {
    faults.push(`appendfsync is ${policy}: a crash of Redis loses acknowledged writes; set it to always`);
  }
  if (settings.get('no-appendfsync-on-rewrite') === 'yes') {
    faults.push('no-appendfsync-on-rewrite is yes: while the file is rewritten nothing is synced');
  }
  return faults;
}

function evictionFaults(info: RedisFields): string[] {
  const policy = info.get('maxmemory_policy');
  if (policy === 'noeviction' || info.get('maxmemory') === '0') return [];
  return [`maxmemory-policy is ${policy}: a full Redis deletes commands and markers; set it to noeviction`];
}

function readOnlyReason(info: RedisFields, settings: RedisFields | undefined): string | undefined {
  if (info.get('loading') === '1') return 'Redis is loading its data';
  if (info.get('role') !== 'master') return `Redis is a ${info.get('role')}, which takes no writes`;
  const wanted = Number(settings?.get('min-replicas-to-write') ?? 0);
  const there = Number(info.get('min_slaves_good_slaves') ?? 0);
  if (there < wanted) {
    return `writes refused: ${there} replicas are there, and min-replicas-to-write is ${wanted}`;
  }
  return undefined;
}
