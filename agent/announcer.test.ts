import { createLogger } from '../shared/runtime/logger.js';
import { Announcer } from './announcer.js';

const types = [{ type: 'ECHO', payload: {}, result: {}, onAgentLost: 'fail', defaultTimeoutMs: 1 }] as const;

const silent = createLogger({ side: 'agent', level: 'silent' });

afterEach(() => jest.useRealTimers());

/** Announces until there is no answer left. @returns what was logged */
async function logOf(answers: readonly (Error | readonly string[])[]): Promise<string[]> {
  const lines: string[] = [];
  const destination = {
    write: (line: string) => {
      const { level, msg, types = [] } = JSON.parse(line) as { level: string; msg: string; types?: string[] };
      lines.push([level, msg.split(/[;:(]/)[0], ...types].join(' '));
    },
  };
  const logger = createLogger({ side: 'agent', level: 'info', pretty: false, destination });
  let last: () => void;
  const done = new Promise<void>((resolve) => (last = resolve));
  let calls = 0;
  const announce = (announced: unknown): Promise<readonly string[]> => {
    expect(announced).toBe(types);
    const answer = answers[calls++] ?? [];
    if (calls > answers.length) last();
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  const announcer = new Announcer({ transport: { announce }, types, intervalMs: 1, logger });
  await announcer.start();
  await done;
  await announcer.stop();
  return lines;
}

const away = new Error('OOM');

test('announces at its start, and again and again', async () => {
  expect(await logOf([[], [], []])).toEqual([]);
});

test('lets its agent work while Redis refuses, and says once that it does, and that it works again', async () => {
  expect(await logOf([away, away, []])).toEqual([
    'warn announcing types failed',
    'info announcing types works again',
  ]);
});

test('says once of each type that others announce another version of it, and when that is over', async () => {
  expect(await logOf([['ECHO'], ['ECHO'], away, ['ECHO', 'SAY'], ['SAY'], []])).toEqual([
    'warn other agents announce another version of these command types ECHO',
    'warn announcing types failed',
    'warn other agents announce another version of these command types SAY',
    'info announcing types works again',
    'info all agents announce the same version again ECHO',
    'info all agents announce the same version again SAY',
  ]);
});

test('stopped during its first announcement, it waits for that, and announces nothing more', async () => {
  jest.useFakeTimers();
  let calls = 0;
  let answer: () => void = () => undefined;
  const announce = () => {
    calls++;
    return new Promise<[]>((resolve) => (answer = () => resolve([])));
  };
  const announcer = new Announcer({ transport: { announce }, types, intervalMs: 1, logger: silent });
  const starting = announcer.start();
  let isOver = false;
  const stopping = announcer.stop().then(() => (isOver = true));
  await jest.advanceTimersByTimeAsync(10);
  expect(isOver).toBe(false);
  answer();
  await Promise.all([starting, stopping]);
  await jest.advanceTimersByTimeAsync(60_000);
  expect(calls).toBe(1);
});
