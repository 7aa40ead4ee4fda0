import { type ScriptName, shaOf } from '../shared/lifecycle/scripts.js';
import { type HttpProxy, type SeenAnswer, type SeenRequest } from '../testing/http-proxy.js';
import { type Pace, type Traffic } from '../testing/paced-writer.js';
import { type Reply } from '../testing/resp.js';
import { requestOf, type TcpProxy } from '../testing/tcp-proxy.js';
import { wasRefused } from './wire-tally.js';

/** A call that was hit, and the commands that it was about, as far as it names any. */
export interface StruckCall {
  readonly call: string;
  readonly commandIds: readonly string[];
  /** The agent on whose behalf it was made, by its agentId; undefined when the call does not name one. */
  readonly agentId?: string | undefined;
}

export interface LateDelivery {
  readonly answer: string;
  /** Whether a guard refused it, or knew that it had been carried out before. */
  readonly refused: boolean;
}

export interface AwaitedCall {
  readonly struck: Promise<StruckCall>;
  forget(): void;
}

export interface LateCall extends AwaitedCall {
  /** Breaks the connection of its sender, if that has not gone yet. */
  abandon(): void;
  deliver(): Promise<LateDelivery>;
}

/** One process's connection to what it talks to, through a proxy of its own. */
export interface Line {
  /** `agent-2 → Redis`. */
  readonly name: string;
  readonly traffic: Traffic;
  /** The calls that can be hit on it by name, the most frequent first. */
  readonly calls: readonly [string, ...string[]];
  cut(): void;
  /** `requests`: they do not arrive; `replies`: they do, and their answers do not. */
  halfOpen(direction: 'requests' | 'replies'): void;
  heal(): void;
  /** Breaks all open connections. */
  reset(): void;
  setPace(pace: Pace): void;
  loseReply(call: string): AwaitedCall;
  holdRequest(call: string): LateCall;
  stop(): Promise<void>;
}

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** Ids in a script's arguments. Payloads hold none: the load sees to that. */
function idsIn(texts: readonly string[]): string[] {
  return [...new Set(texts.flatMap((text) => text.match(uuid) ?? []))];
}

export class RedisLine implements Line {
  readonly name: string;
  readonly calls: readonly [ScriptName, ...ScriptName[]];
  readonly #proxy: TcpProxy;

  constructor(name: string, proxy: TcpProxy, calls: readonly [ScriptName, ...ScriptName[]]) {
    this.name = name;
    this.calls = calls;
    this.#proxy = proxy;
  }

  get traffic(): Traffic {
    return this.#proxy.traffic;
  }

  cut(): void {
    this.#proxy.cut();
  }

  halfOpen(direction: 'requests' | 'replies'): void {
    this.#proxy.cut(direction);
  }

  heal(): void {
    this.#proxy.heal();
  }

  reset(): void {
    this.#proxy.reset();
  }

  setPace(pace: Pace): void {
    this.#proxy.setPace(pace);
  }

  loseReply(call: string): AwaitedCall {
    const { lost, forget } = this.#proxy.loseReply(this.#requestOf(call));
    const struck = lost.then(({ request, reply }) => ({
      call,
      commandIds: idsIn([...request.slice(4), ...textsIn(reply)]),
    }));
    return { struck, forget };
  }

  holdRequest(call: string): LateCall {
    const request = this.#proxy.holdNext(this.#requestOf(call));
    return {
      struck: request.held.then((args) => ({
        call,
        commandIds: idsIn(args.slice(4)),
        agentId: args[agentIdAt[this.#script(call)] ?? -1],
      })),
      forget: request.forget,
      abandon: () => this.#proxy.reset(),
      deliver: async () => {
        const reply = await request.deliver();
        return {
          answer: textsIn(reply).slice(0, 3).join(' '),
          refused: wasRefused(this.#script(call), reply),
        };
      },
    };
  }

  stop(): Promise<void> {
    return this.#proxy.stop();
  }

  #script(call: string): ScriptName {
    return this.calls.find((name) => name === call) ?? this.calls[0];
  }

  #requestOf(call: string) {
    return requestOf('EVALSHA', shaOf(this.#script(call)));
  }
}

/** Where an EVALSHA of a script names the agent: of a report's first group, behind how many groups there are. */
export const agentIdAt: Partial<Record<ScriptName, number>> = {
  start: 4,
  renew: 4,
  progress: 4,
  report: 5,
  report_and_start: 5,
};

/** Everything textual in a reply. */
function textsIn(reply: Reply): string[] {
  if (typeof reply === 'string') return [reply];
  if (reply instanceof Error) return [reply.message];
  return Array.isArray(reply) ? reply.flatMap(textsIn) : [];
}

const httpCalls: Readonly<Record<string, (request: SeenRequest) => boolean>> = {
  next: ({ method, path }) => method === 'GET' && path.startsWith('/commands/next'),
  result: ({ method, path }) => method === 'PUT' && path.endsWith('/result'),
  renew: ({ path }) => path === '/commands/renew',
  progress: ({ path }) => path === '/commands/progress',
};

/**
 * How long a late request's connection lasts. It has no client at its other end: if a poll on it lasted as long
 * as servers hold polls, they would show an agent that died as alive for a minute.
 */
const longestLateMs = 2000;

/** An agent's link to one server. */
export class HttpLine implements Line {
  readonly name: string;
  readonly calls = ['next', 'result', 'renew', 'progress'] as const;
  readonly #proxy: HttpProxy;

  constructor(name: string, proxy: HttpProxy) {
    this.name = name;
    this.#proxy = proxy;
  }

  get url(): string {
    return this.#proxy.url;
  }

  get traffic(): Traffic {
    return this.#proxy.traffic;
  }

  cut(): void {
    this.#proxy.cut();
  }

  /** Requests that do not arrive are kept by the sender's kernel, which looks to it like no answer. */
  halfOpen(): void {
    this.#proxy.cutAnswers();
  }

  heal(): void {
    this.#proxy.heal();
  }

  /** Every connection breaks; new ones work. */
  reset(): void {
    this.#proxy.cut();
    this.#proxy.heal();
  }

  setPace(pace: Pace): void {
    this.#proxy.setPace(pace);
  }

  loseReply(call: string): AwaitedCall {
    // A poll that was given nothing has nothing to lose.
    const isLost = ({ status }: SeenAnswer) => status !== 204;
    const { seen, forget } = this.#proxy.loseAnswer(httpCalls[call] ?? (() => true), isLost);
    const struck = seen.then(({ request, answer }) => ({
      call,
      commandIds: idsIn([pathOf(request), answer.body.slice(0, 200)]),
    }));
    return { struck, forget };
  }

  holdRequest(call: string): LateCall {
    const held = this.#proxy.holdNext(httpCalls[call] ?? (() => true));
    return {
      struck: held.held.then((request) => ({ call, commandIds: idsIn([pathOf(request)]) })),
      forget: held.forget,
      abandon: () => undefined,
      deliver: async () => {
        const broken = AbortSignal.timeout(longestLateMs);
        const answered = await held.deliver(broken).catch((error: unknown) => {
          if (broken.aborted) return undefined;
          throw error;
        });
        if (!answered) return { answer: 'nothing while its connection lasted', refused: false };
        const { status, body } = answered;
        const isAgain = body.includes('"again":true');
        const isLost = call === 'progress' && body.includes('"lost":[{');
        const word = isAgain ? ' again' : isLost ? ' lost' : '';
        return { answer: `${status}${word}`, refused: status === 409 || word !== '' };
      },
    };
  }

  stop(): Promise<void> {
    return this.#proxy.stop();
  }
}

/** A poll's query names the agent's instance, which is a UUID too. */
function pathOf({ path }: SeenRequest): string {
  return new URL(path, 'http://localhost').searchParams.get('holding') ?? path.split('?')[0] ?? '';
}
