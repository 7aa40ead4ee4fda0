import { type Redis } from 'ioredis';
import { z } from 'zod';

/** What Redis really runs with, as far as the guarantees rest on it. */
export interface Durability {
  /** Nothing that was acknowledged can be lost by a crash, and nothing is ever evicted. */
  readonly ok: boolean;
  /** What is not guaranteed, and which setting mends it. For people. */
  readonly reasons: readonly string[];
  /** Why Redis takes no writes at all, or undefined when it does. */
  readonly readOnly: string | undefined;
}

/** What INFO or CONFIG GET say, by name. */
export type RedisFields = ReadonlyMap<string, string>;

/**
 * Asks Redis, and believes no configuration file: somebody may have started it without, or changed
 * it since.
 *
 * @throws what ioredis throws when Redis is away
 */
export async function readDurability(redis: Redis): Promise<Durability> {
  const [info, settings] = await Promise.all([redis.info(), readSettings(redis)]);
  const fields = parseInfo(info);
  const reasons = [
    ...versionFaults(fields),
    ...appendOnlyFaults(fields),
    ...fsyncFaults(settings),
    ...evictionFaults(fields),
  ];
  const readOnly = readOnlyReason(fields);
  if (readOnly !== undefined) reasons.push(readOnly);
  return { ok: reasons.length === 0, reasons, readOnly };
}

/** `CONFIG GET`, or undefined where a managed Redis forbids it. */
async function readSettings(redis: Redis): Promise<RedisFields | undefined> {
  try {
    const reply = await redis.config('GET', 'appendfsync', 'no-appendfsync-on-rewrite');
    const pairs = z.array(z.string()).parse(reply);
    return new Map(pairs.flatMap((name, i) => (i % 2 === 0 ? [[name, pairs[i + 1] ?? '']] : [])));
  } catch (error) {
    if (error instanceof Error && /^(ERR|NOPERM)/.test(error.message)) return undefined;
    throw error;
  }
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

function readOnlyReason(info: RedisFields): string | undefined {
  if (info.get('loading') === '1') return 'Redis is loading its data';
  if (info.get('role') !== 'master') return `Redis is a ${info.get('role')}, which takes no writes`;
  // Redis answers MISCONF to every write until the file can be written again.
  if (info.get('aof_enabled') === '1' && info.get('aof_last_write_status') === 'err') {
    return 'Redis refuses writes since its append-only file cannot be written';
  }
  return undefined;
}
