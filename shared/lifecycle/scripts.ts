import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Redis } from 'ioredis';
import { channelRoot } from '../store/keys.js';
import { ScriptCommand } from './script-command.js';

/** Every script: one file `<name>.lua` in this folder, whose header is its contract. */
export const scriptNames = [
  'submit',
  'start',
  'renew',
  'progress',
  'report',
  'release',
  'recover',
  'abandon',
  'rescue',
  'promote',
  'expire',
  'prune',
  'cancel',
  'retry',
  'register',
  'admit',
  'leave',
  'drain',
  'announce',
  'pause',
  'resume',
  'retire',
  'open',
  'dismiss',
  'survey',
] as const;
/** This script joins two others, so that an agent makes one call of them. */
const joinedName = 'report_and_start';
export type ScriptName = (typeof scriptNames)[number] | typeof joinedName;

interface Script {
  readonly text: string;
  readonly sha: string;
}

const prelude = readFileSync(join(__dirname, 'prelude.lua'), 'utf8');

const isScript = (name: string) => scriptNames.some((known) => known === name);

/** A file's `#!lua` line, and what follows it. @param name of the file */
function read(name: string): { readonly firstLine: string; readonly body: string } {
  const file = readFileSync(join(__dirname, `${name}.lua`), 'utf8');
  const end = file.indexOf('\n') + 1;
  return { firstLine: file.slice(0, end), body: file.slice(end) };
}

/**
 * Builds the text that is sent to Redis: the file's `#!lua` line must come first, then the prelude, then the script, in
 * which `--[[ name ]]` is replaced by the script of that name.
 */
function load(fileName: string): Script {
  const { firstLine, body } = read(fileName);
  const whole = body.replaceAll(/--\[\[ (\w+) \]\]/g, (mark, name: string) =>
    isScript(name) ? read(name).body : mark,
  );
  const text = firstLine + prelude + whole;
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

const scripts = new Map<ScriptName, Script>([
  ...scriptNames.map((name) => [name, load(name)] as const),
  [joinedName, load('report-and-start')],
]);

/** The SHA-1 by which a script travels on the wire. */
export function shaOf(name: ScriptName): string {
  return scriptOf(name).sha;
}

/** The text of each script that is sent, by its name. */
export const scriptText = (): ReadonlyMap<ScriptName, string> =>
  new Map([...scripts].map(([name, { text }]) => [name, text]));

function scriptOf(name: ScriptName): Script {
  const script = scripts.get(name);
  if (!script) throw new Error(`no script ${name}`);
  return script;
}

/**
 * Calls a script on one key: a partition's root, or an agent's registration.
 *
 * Every script is safe to send twice, so a client library that resends after a broken connection,
 * and the repetition below, do no harm.
 *
 * @returns the raw reply: `transitions.ts` gives it a type
 * @throws what ioredis throws when Redis is away, refuses or errs
 */
export async function callScript(
  redis: Redis,
  name: ScriptName,
  key: string,
  args: readonly (string | number)[],
): Promise<unknown> {
  const script = scriptOf(name);
  const keys = keysOf(redis, key);
  try {
    return await redis.sendCommand(new ScriptCommand('evalsha', script.sha, keys, args));
  } catch (error) {
    // A Redis that was restarted has its data but not its scripts.
    if (!isUnknownScript(error)) throw error;
    return redis.sendCommand(new ScriptCommand('eval', script.text, keys, args));
  }
}

/** A script publishes, and cannot know its database: where that is not 0, a second key has the root of its channels. */
function keysOf({ options: { db = 0 } }: Redis, key: string): string[] {
  return db === 0 ? [key] : [key, channelRoot(key, db)];
}

export interface ScriptCall {
  readonly name: ScriptName;
  readonly key: string;
  readonly args: readonly (string | number)[];
}

/** Several calls in one round trip, carried out in their order. @returns the raw reply or the error of each, in order */
export async function callScripts(
  redis: Redis,
  calls: readonly ScriptCall[],
): Promise<PromiseSettledResult<unknown>[]> {
  const pipeline = redis.pipeline();
  for (const { name, key, args } of calls) {
    const keys = keysOf(redis, key);
    pipeline.evalsha(scriptOf(name).sha, keys.length, ...keys, ...args);
  }
  const replies = (await pipeline.exec()) ?? [];
  return Promise.allSettled(
    calls.map(({ name, key, args }, i) => {
      const [error, reply] = replies[i] ?? [];
      if (error && !isUnknownScript(error)) return Promise.reject(error);
      return error ? callScript(redis, name, key, args) : reply;
    }),
  );
}

/** @throws the error, when it is one */
export function valueOf(result: PromiseSettledResult<unknown> | undefined): unknown {
  if (result?.status === 'rejected') throw result.reason;
  return result?.value;
}

const isUnknownScript = (error: unknown) => error instanceof Error && error.message.startsWith('NOSCRIPT');
