import { type Client, type Submission } from '../../shared/client/client.js';
import { AnswerLost, RequestRefused, ServerUnavailable } from '../../shared/client/errors.js';
import { limits, submissionSchema } from '../../shared/protocol/commands.js';
import { exitCodes, UsageError } from './exit-codes.js';
import { type Line, openInput, readLines } from './lines.js';
import { ProgressBar } from './progress-bar.js';
import { parseJson, type SubmitFlags } from './submit.js';
import { type Terminal } from './terminal.js';
import { waitForAll } from './wait.js';

/** Lines in one call: fewer than a batch may hold, so that ids come, and a fault is near, soon. */
const chunkLines = 500;
/** And their bytes: well below the bound of a batch. */
const chunkBytes = limits.batchBodyBytes / 2;

interface Item {
  readonly line: number;
  readonly submission: Submission;
}

/**
 * Submits a command per line, in order, and prints the ids. With a key each line has one of its own, so
 * that the same file can be submitted again after whatever broke it: none is stored twice. Without, lines
 * go in batches, and it says which may have been stored when an answer is lost. A line that is wrong in
 * itself keeps all of a file from being stored; what comes by a pipe is known too late for that.
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
  const stored = new StoredLines(flags.key !== undefined);
  try {
    for await (const { items, bytes: read } of chunksOf(readLines(input, terminal.signal), path)) {
      const chunkIds = await stored.while(items, () => submitChunk(client, items, flags, terminal));
      // Whoever stops waiting wants to know what runs on.
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
  /** Each line is stored by itself; else a batch is, or nothing of it. */
  readonly #isKeyed: boolean;
  #stored = 0;
  #open: { readonly first: number; readonly last: number } | undefined;

  constructor(isKeyed: boolean) {
    this.#isKeyed = isKeyed;
  }

  /** @param submit stores these */
  async while<T>(items: readonly Item[], submit: () => Promise<T>): Promise<T> {
    const last = items.at(-1)?.line ?? 0;
    this.#open = { first: items[0]?.line ?? 0, last };
    try {
      const result = await submit();
      this.#stored = last;
      this.#open = undefined;
      return result;
    } catch (error) {
      // Refused, never sent, or the error says it itself.
      const isTold = [UsageError, ServerUnavailable, AnswerLost].some((kind) => error instanceof kind);
      if (isTold && !this.#isKeyed) this.#open = undefined;
      throw error;
    }
  }

  /** For whoever has to go on where it broke. */
  told(): string[] {
    const lines = [];
    if (this.#stored > 0) lines.push(`lines 1 to ${this.#stored} were stored`);
    if (this.#open) lines.push(`lines ${this.#open.first} to ${this.#open.last} may have been stored`);
    if (lines.length > 0 && this.#isKeyed) {
      lines.push('with the same --key the file can be submitted again: none is stored twice');
    }
    return lines;
  }
}

async function submitChunk(
  client: Client,
  items: readonly Item[],
  { key }: SubmitFlags,
  { signal }: Terminal,
): Promise<readonly string[]> {
  const lines = `lines ${items[0]?.line ?? 0} to ${items.at(-1)?.line ?? 0}`;
  try {
    if (key === undefined)
      return (
        await client.submitBatch(
          items.map(({ submission }) => submission),
          { signal },
        )
      ).commandIds;
    const submitted = items.map(async ({ line, submission }) => {
      const { commandId } = await client
        .submit(submission, { idempotencyKey: `${key}:${line}`, signal })
        .catch((error: unknown) => {
          throw error instanceof RequestRefused ? new UsageError(`line ${line}: ${reasonOf(error)}`) : error;
        });
      return commandId;
    });
    return await Promise.all(submitted);
  } catch (error) {
    if (error instanceof RequestRefused) throw new UsageError(refusedText(error, items));
    if (error instanceof AnswerLost) {
      throw new AnswerLost(
        `${lines}: all of them were stored, or none: the answer was lost. With --key the file could be submitted again`,
        {
          cause: error,
        },
      );
    }
    throw error;
  }
}

const reasonOf = ({ problem, message }: RequestRefused) => problem?.detail ?? message;

/** `commands[3].payload.ms must be …` as `line 14: payload.ms must be …`. Nothing of its batch was stored. */
function refusedText(error: RequestRefused, items: readonly Item[]): string {
  const text = reasonOf(error);
  const at = /commands\[(\d+)\]\.?/.exec(text);
  const line = items[Number(at?.[1])]?.line;
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
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') ?? '';
  const isMissing = typeof json === 'object' && json !== null && field !== '' && !Object.hasOwn(json, field);
  const why = isMissing ? 'is missing' : (issue?.message ?? 'is not valid');
  throw new UsageError(`${where}: ${field === '' ? why : `${field} ${why}`}`);
}
