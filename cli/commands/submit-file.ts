import { type Client, type Submission } from '../../shared/client/client.js';
import { RequestRejectedError } from '../../shared/client/errors.js';
import { limits, submissionSchema } from '../../shared/protocol/commands.js';
import { exitCodes, UsageError } from './exit-codes.js';
import { linesOfRefusal } from './faults.js';
import { type Line, openInput, readLines } from './lines.js';
import { ProgressBar } from './progress-bar.js';
import { parseJson } from './json-argument.js';
import { type SubmitFlags } from './submit-flags.js';
import { type Terminal } from './terminal.js';
import { waitForAll } from './wait.js';

/** Lines in one call: fewer than a batch may hold, so that ids and errors come soon. */
const chunkLines = 500;
/** And their bytes: well below the bound of a batch. */
const chunkBytes = limits.batchBodyBytes / 2;

interface Item {
  readonly line: number;
  readonly submission: Submission;
}

/**
 * Submits a command per line, in order and in batches, and prints the ids. Each batch is sent with a key, so
 * that one whose answer is lost is found again. With `--idempotency-key` each line has a key of its own as well, unless it
 * names one itself: then the same file can be submitted again after whatever broke it, and none is stored
 * twice. A line that is wrong in itself keeps all of a file from being stored; of a pipe it is known too late
 * for that, and what was stored is printed.
 */
export async function submitFile(
  client: Client,
  path: string,
  flags: SubmitFlags,
  terminal: Terminal,
): Promise<number> {
  const { input, bytes } = await openInput('--file', path, terminal.stdin);
  if (bytes !== undefined) await checkLines(path, terminal);
  const bar = new ProgressBar(terminal.stderr, 'submitting, bytes', bytes);
  const ids: string[] = [];
  const stored = new StoredLines(flags.idempotencyKey !== undefined);
  try {
    for await (const { items, bytes: read } of chunksOf(readLines(input, terminal.signal), path)) {
      const chunkIds = await stored.while(items, () => submitChunk(client, items, flags, terminal));
      // A user who stops waiting wants to know which commands run on.
      if (flags.wait) bar.end();
      chunkIds.forEach((commandId, i) => {
        if (flags.wait) terminal.say(commandId);
        else if (flags.json) terminal.printJson({ line: items[i]?.line, commandId });
        else terminal.print(commandId);
      });
      ids.push(...(flags.wait ? chunkIds : []));
      bar.update(read);
    }
  } catch (error) {
    bar.end();
    for (const line of stored.told()) terminal.say(line);
    throw error;
  } finally {
    bar.end();
  }
  if (!flags.wait) return exitCodes.done;
  return waitForAll(client, ids, flags.json ? { json: true } : {}, terminal);
}

/** @throws UsageError that names the first line that is no submission */
async function checkLines(path: string, { stdin, signal }: Terminal): Promise<void> {
  const { input } = await openInput('--file', path, stdin);
  for await (const line of readLines(input, signal)) submissionIn(line, path);
}

/** How far a file has been stored. */
class StoredLines {
  readonly #isKeyed: boolean;
  #stored = 0;
  #open: { readonly first: number; readonly last: number } | undefined;

  /** @param isKeyed it can be submitted again */
  constructor(isKeyed: boolean) {
    this.#isKeyed = isKeyed;
  }

  /** @param submit stores these, all of them or none */
  async while<T>(items: readonly Item[], submit: () => Promise<T>): Promise<T> {
    const last = items.at(-1)?.line ?? 0;
    this.#open = { first: items[0]?.line ?? 0, last };
    try {
      const result = await submit();
      this.#stored = last;
      this.#open = undefined;
      return result;
    } catch (error) {
      // Refused: none of them was stored.
      if (error instanceof UsageError) this.#open = undefined;
      throw error;
    }
  }

  /** Returns lines for the user who has to go on where the submission broke. */
  told(): string[] {
    const lines = [];
    if (this.#stored > 0) lines.push(`lines 1 to ${this.#stored} were stored`);
    if (this.#open) lines.push(`lines ${this.#open.first} to ${this.#open.last} may have been stored`);
    if (lines.length > 0 && this.#isKeyed) {
      lines.push(
        'with the same --idempotency-key the file can be submitted again: no command is stored twice',
      );
    }
    return lines;
  }
}

async function submitChunk(
  client: Client,
  items: readonly Item[],
  { idempotencyKey: key }: SubmitFlags,
  { signal }: Terminal,
): Promise<readonly string[]> {
  const keyed = items.map(({ line, submission }) =>
    key === undefined ? submission : { idempotencyKey: `${key}:${line}`, ...submission },
  );
  try {
    return (await client.submitBatch(keyed, { signal })).commandIds;
  } catch (error) {
    if (!(error instanceof RequestRejectedError)) throw error;
    const [first, ...others] = linesOfRefusal(error);
    const ofFile = (text: string) => lineOfFile(text, (i) => items[i]?.line);
    throw new UsageError(ofFile(first), others.map(ofFile));
  }
}

/** `commands[3].payload.ms must be …` as `line 14: payload.ms must be …`. Nothing of its batch was stored. */
export function lineOfFile(text: string, lineOf: (i: number) => number | undefined): string {
  const at = /commands\[(\d+)\][. ]?/.exec(text);
  const line = lineOf(Number(at?.[1]));
  return line === undefined || !at ? text : `line ${line}: ${text.replace(at[0], '')}`;
}

async function* chunksOf(
  lines: AsyncIterable<Line>,
  path: string,
): AsyncGenerator<{ items: Item[]; bytes: number }, void, undefined> {
  let items: Item[] = [];
  let [begin, bytes] = [0, 0];
  for await (const line of lines) {
    items.push({ line: line.number, submission: submissionIn(line, path) });
    bytes = line.bytes;
    if (items.length < chunkLines && bytes - begin < chunkBytes) continue;
    yield { items, bytes };
    [items, begin] = [[], bytes];
  }
  if (items.length > 0) yield { items, bytes };
}

function submissionIn({ number, text }: Line, path: string): Submission {
  const where = `${path === '-' ? 'standard input' : path}, line ${number}`;
  const json = parseJson(where, text);
  const parsed = submissionSchema.safeParse(json);
  // The parse has shown that this is a submission; zod's copy of a payload lacks keys named `__proto__`.
  if (parsed.success) return json as Submission;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') ?? '';
  const isMissing = typeof json === 'object' && json !== null && field !== '' && !Object.hasOwn(json, field);
  const why = isMissing ? 'is missing' : (issue?.message ?? 'is not valid');
  throw new UsageError(`${where}: ${field === '' ? why : `${field} ${why}`}`);
}
