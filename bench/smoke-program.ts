import { writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { integer, loadConfig, setting } from '../shared/runtime/config.js';
import { withRedis } from './redis.js';
import { smoke } from './smoke.js';
import { resultText, roundText } from './smoke-text.js';

const smokeSettings = {
  commands: setting('COMMANDS', integer(1, 50_000).default(5000), 'no-op commands per round and system'),
  rounds: setting('ROUNDS', integer(1, 20).default(3), 'rounds of each, after one to warm up'),
  json: setting('JSON', z.string().min(1).optional(), 'a file for the result'),
} as const;

/** `npm run bench -- smoke`. @returns the exit code. @throws ConfigError with every fault */
export async function runSmoke(argv: readonly string[], signal: AbortSignal): Promise<number> {
  // Flags only: as environment variables these names could belong to any program.
  const { commands, rounds, json } = loadConfig('npm run bench -- smoke', smokeSettings, {
    argv,
    env: {},
    dotenv: '',
  });
  return withRedis(async (redis) => {
    const result = await smoke(redis, {
      commands,
      rounds,
      signal,
      onRound: (round, number) => process.stdout.write(`${roundText(round, number)}\n`),
    });
    process.stdout.write(resultText(result));
    if (json !== undefined) await writeFile(json, `${JSON.stringify(result, null, 2)}\n`);
    return result.writes.overruns.length === 0 ? 0 : 1;
  });
}
