import { spawn } from 'node:child_process';
import { hostname } from 'node:os';
import { createInterface } from 'node:readline';
import { repositoryRoot } from '../../testing/redis-server.js';

/** One line that a reader types, and what they are shown. */
export interface Step {
  /** The line as printed, without the prompt. */
  readonly line: string;
  readonly shown: readonly string[];
}

/** The console blocks below the title or section that has this heading. */
export function stepsOf(page: string, heading: string): Step[] {
  const section = page.split(/^##? /m).find((part) => part.startsWith(`${heading}\n`));
  const blocks = [...(section ?? '').matchAll(/^```console\n(.*?)^```$/gms)].map(([, block = '']) => block);
  const steps: { line: string; shown: string[] }[] = [];
  for (const text of blocks.join('').split('\n')) {
    if (text.startsWith('$ ')) steps.push({ line: text.slice(2), shown: [] });
    else if (text !== '') steps.at(-1)?.shown.push(text);
  }
  return steps;
}

/** Replaces what differs from run to run, and from machine to machine. The rest is what the page promises. */
const stable = (lines: readonly string[]): string[] =>
  lines.map((line) =>
    line
      .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '<id>')
      .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '<time>')
      .replace(/\b\d\d:\d\d:\d\d\.\d{3}\b/g, '<time>')
      .replace(/(tookMs\\?":)\d+/g, '$1<ms>')
      .replace(/("session":)"[0-9a-f]{12}"/g, '$1"<session>"')
      .replace(/:[0-9a-f]{16}\.\d+\.r[0-9a-f]{16}\b/g, ':<session>')
      // Null once the first lease after the start is over.
      .replace(/("pausedUntil":)(null|"<time>")/g, '$1<time>')
      .replace(/"\d{13}(-\d+)?"/g, '"<ms>"')
      .replace(/\/\d{13}-\d+"/g, '/<entry>"')
      .replace(/("heldMs":|"leaseLeftMs":|wait )\d+/g, '$1<ms>')
      .replace(/\bagent-\d+-[0-9a-f]{6}\b/g, '<agent>')
      .replace(/  \S+ +\d+ +<time>$/, '  <host> <pid> <time>')
      .replace(/ +/g, ' '),
  );

const idsIn = (lines: readonly string[]) =>
  lines.join('\n').match(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g) ?? [];

export interface Seen {
  readonly step: Step;
  /** The output on the machine of this run. */
  readonly lines: readonly string[];
  /** The pid of the agent that was killed meanwhile. */
  readonly killed?: number | undefined;
}

/** Both sides of a comparison: what was seen, and what the page shows. */
export const compared = ({ step, lines }: Seen) => [
  { line: step.line, shown: stable(lines) },
  { line: step.line, shown: stable(step.shown) },
];

export interface WalkOptions {
  readonly url: string;
  readonly redisPort?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** SIGKILL to the agent that executes the command with this id, once one does. @returns its pid */
  readonly killAgentOf: (commandId: string) => Promise<number>;
  /** Resolves when everything that was submitted has ended: who reads takes longer. */
  readonly atRest?: () => Promise<void>;
}

/** Types each line, with the ids that this run gave where the page has its own. */
export async function walk(steps: readonly Step[], options: WalkOptions): Promise<Seen[]> {
  const { url, redisPort = 6379, env = {}, killAgentOf, atRest } = options;
  const ids = new Map<string, string>();
  const seen: Seen[] = [];
  let last = '';
  const asTyped = (command: string) =>
    [...ids].reduce(
      (text, [printed, given]) => text.replaceAll(printed, given),
      command
        .replaceAll('localhost:3000', url)
        .replace(/^npx fencepost/, 'node dist/cli/fencepost-main.js')
        // The output is to be as on a terminal.
        .replace(/^redis-cli -p 6379/, `redis-cli --no-raw -p ${redisPort}`),
    );
  for (const step of steps) {
    const [, command = '', comment = ''] = /^(.*?)(?:\s+# (.*))?$/.exec(step.line) ?? [];
    const typed = asTyped(command);
    if (/^kill -9 \d+$/.test(typed)) {
      seen.push({ step, lines: [], killed: await killAgentOf(last) });
      continue;
    }
    if (typed.endsWith('/stats')) await atRest?.();
    const [named] = idsIn([typed]);
    let kill: Promise<number> | undefined;
    const lines =
      step.shown.length === 0
        ? []
        : await linesOf(typed, env, () => {
            // "And elsewhere": who types that has seen the first line.
            if (comment.includes('kill -9') && named !== undefined) kill = killAgentOf(named);
          });
    const killed = await kill;
    const given = idsIn(lines);
    idsIn(step.shown).forEach((printed, i) => ids.set(printed, given[i] ?? printed));
    last = given[0] ?? last;
    seen.push({ step, lines, killed });
  }
  return seen;
}

/** Returns what a terminal shows, whatever the exit code. */
async function linesOf(
  line: string,
  env: Readonly<Record<string, string>>,
  onFirstLine: () => void,
): Promise<string[]> {
  const options = { cwd: repositoryRoot, env: { ...process.env, ...env, NO_COLOR: '1' } };
  const shell = spawn('bash', ['-c', `{ ${line}\n} 2>&1 || true`], options);
  const lines: string[] = [];
  for await (const text of createInterface({ input: shell.stdout })) {
    if (text !== '' && lines.push(text) === 1) onFirstLine();
  }
  return lines;
}

/** The page with what was seen in place of what it showed, as if the server had its usual port. */
export function rewritten(page: string, seen: readonly Seen[], url: string): string {
  let text = page;
  // The lines that the reader types next name what was shown before.
  const ids = new Map<string, string>();
  for (const { step, lines, killed } of seen) {
    const line = killed === undefined ? step.line : step.line.replace(/kill -9 \d+/, `kill -9 ${killed}`);
    text = text.replace(step.line, () => line);
    const given = idsIn(lines);
    idsIn(step.shown).forEach((printed, i) => ids.set(printed, given[i] ?? printed));
    if (step.shown.length === 0) continue;
    const shown = lines.map((line) => line.replaceAll(url, 'localhost:3000').replaceAll(hostname(), 'vm'));
    text = text.replace(step.shown.join('\n'), () => shown.join('\n'));
  }
  for (const [printed, given] of ids) text = text.replaceAll(printed, given);
  return text;
}
