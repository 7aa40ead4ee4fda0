import { Command } from 'ioredis';

type Argument = string | number;

/**
 * EVAL or EVALSHA, written as one text. ioredis goes through the arguments of a command four times, and a call of an agent that
 * works at a hundred commands at once has twelve hundred of them. Its queue, time-outs and replies are ioredis's.
 */
export class ScriptCommand extends Command {
  readonly #text: string;

  /** @param script its text, or its SHA-1 */
  constructor(name: 'eval' | 'evalsha', script: string, keys: readonly string[], args: readonly Argument[]) {
    // ioredis shows these arguments with an error, which a log then holds: payloads have no place there.
    super(name, [name === 'eval' ? '' : script, String(keys.length), ...keys], { replyEncoding: 'utf8' });
    this.#text = textOf([name, script, keys.length, ...keys], args);
  }

  override toWritable(): string {
    return this.#text;
  }
}

/** An array of bulk strings, as RESP has it. */
function textOf(head: readonly Argument[], args: readonly Argument[]): string {
  const start = `*${head.length + args.length}\r\n`;
  const text = append(append(start, head, charsOf), args, charsOf);
  // Nearly always all of it is ASCII, where characters are bytes: asked once instead of for each argument.
  if (Buffer.byteLength(text) === text.length) return text;
  return append(append(start, head, bytesOf), args, bytesOf);
}

const charsOf = (text: string): number => text.length;
const bytesOf = (text: string): number => Buffer.byteLength(text);

function append(text: string, args: readonly Argument[], lengthOf: (text: string) => number): string {
  for (const arg of args) {
    const one = typeof arg === 'number' ? String(arg) : arg;
    text += `$${lengthOf(one)}\r\n${one}\r\n`;
  }
  return text;
}
