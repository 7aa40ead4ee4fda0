import { type HeldAttempt } from '../../shared/lifecycle/attempt-leases.js';
import { start, type StartedCommand } from '../../shared/lifecycle/transitions.js';
import { defaults } from '../../shared/protocol/commands.js';
import { drawOrder, type ServedQueues } from '../../shared/protocol/served-queues.js';
import { type CrashPoints, type ServerPoint } from '../../shared/runtime/faults.js';
import { isAborted } from '../../shared/runtime/service.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { type AgentSessions, type Caller, type Refusal } from './agent-sessions.js';
import { ticketsOf } from './delivery-tickets.js';
import { type AgentRegistration } from './agent-registration.js';
import { type LongPoll } from './long-poll.js';
import { type LongPollRegistry } from './long-poll-registry.js';

/** A request for the next command. */
export interface NextRequest extends Caller {
  /** The most commands that the agent may have in flight; 0: repeat answers that were lost, and start nothing new. */
  readonly concurrency: number;
  /** undefined for an agent that does not report them: it is given one command at a time. */
  readonly holding: readonly HeldAttempt[] | undefined;
  readonly waitMs: number;
  /** undefined for the queues that the agent registered with. */
  readonly queues?: ServedQueues | undefined;
  readonly types?: readonly string[] | undefined;
}

export type NextAnswer =
  | Refusal
  | {
      readonly word: 'command';
      readonly command: StartedCommand;
      /** How long the poll had been held when the command was started. */
      readonly heldMs: number;
    }
  /** @param draining whether the agent is to take no more commands */
  | { readonly word: 'none'; readonly draining: boolean };

export interface NextCommandsOptions {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
  readonly admissions: AgentSessions;
  readonly polls: LongPollRegistry;
  readonly faults: CrashPoints<ServerPoint>;
}

const none = { word: 'none', draining: false } as const;

/**
 * Starts commands for agents that poll, one per answer.
 *
 * A command that was started is never released here, even when the client went away or this server dies
 * before the answer: another server may have given it to the agent again meanwhile. The agent's next poll
 * returns it again, or its lease expires.
 */
export class NextCommands {
  readonly #options: NextCommandsOptions;

  constructor(options: NextCommandsOptions) {
    this.#options = options;
  }

  /** @param gone aborted when the client no longer waits for the answer */
  async next(request: NextRequest, gone: AbortSignal): Promise<NextAnswer> {
    const { admissions, polls } = this.#options;
    const askedAt = performance.now();
    const admission = await admissions.admit(request);
    if (admission.word !== 'ok') return admission;
    // Such a session is stopping: its other polls that still wait must not be given a command now.
    if (request.concurrency === 0) polls.endSession(request.agentId, request.session);
    const asked = { ...request, ...servedBy(request, admission.standing), askedAt };
    // The poll joins before the first look, so that no command falls between the look and the wait.
    const { registered, standing } = admission;
    const queues = isFull(request) ? [] : asked.queues.queues;
    const poll = polls.join({ ...asked, queues, registered, silentMs: standing.registration?.silentMs });
    try {
      return await this.#attempts(asked, poll, admission.standing, gone);
    } finally {
      const untried = poll.leave();
      if (untried) void polls.passOn(untried);
    }
  }

  async #attempts(
    request: Asked,
    poll: LongPoll,
    admitted: AgentRegistration,
    gone: AbortSignal,
  ): Promise<NextAnswer> {
    const { admissions, polls } = this.#options;
    const until = request.askedAt + request.waitMs;
    let answer = await this.#attempt(request, admitted, gone);
    while (answer.word === 'none' && !answer.draining) {
      const leftMs = until - performance.now();
      if (leftMs <= 0 || poll.hasEnded() || isAborted(gone)) break;
      poll.ready();
      const wake = await poll.wait(leftMs, gone);
      if (!wake || performance.now() >= until) {
        if (wake) void polls.passOn(wake);
        break;
      }
      // Meanwhile the name may have been taken over, or the agent may have been drained.
      const admission = await admissions.admit(request);
      if (admission.word !== 'ok') answer = admission;
      else answer = await this.#attempt(request, admission.standing, gone);
      if (!isFor(answer, wake.id)) void polls.passOn(wake);
    }
    return answer;
  }

  async #attempt(request: Asked, standing: AgentRegistration, gone: AbortSignal): Promise<NextAnswer> {
    const draining = isDraining(request, standing);
    const { link, keys, faults } = this.#options;
    const { agentId, session, types, holding = [], askedAt } = request;
    const queues = drawOrder(request.queues);
    // A draining agent is given commands again whose answers were lost, and nothing new.
    const limit = draining ? 0 : limitOf(request);
    let heldMs = 0;
    const started = await link.call(async (redis) => {
      const inFlight = await ticketsOf(redis, keys, holding);
      // The last check before a command is started: from here on the agent has it.
      if (gone.aborted) return undefined;
      heldMs = Math.floor(performance.now() - askedAt);
      const asked = { agentId, session, limit, queues, types, inFlight };
      let reply = await start(redis, keys, asked);
      // The script stopped behind many commands of types that this agent does not know.
      while (reply.word === 'ok' && reply.more && reply.started.length === 0 && !isAborted(gone)) {
        reply = await start(redis, keys, asked);
      }
      return reply;
    });
    if (started === undefined) return none;
    if (started.word === 'old-session') return started;
    const [command] = started.started;
    if (!command) return { ...none, draining: draining && request.concurrency > 0 };
    faults.at('command-started');
    return { word: 'command', command, heldMs };
  }
}

/** A request whose queues and types are known. */
interface Asked extends NextRequest {
  readonly queues: ServedQueues;
  readonly types: readonly string[];
  /** By `performance.now()`. */
  readonly askedAt: number;
}

/** Returns the queues and types that the request names, else those that the agent registered with. */
function servedBy({ queues, types, session }: NextRequest, { registration }: AgentRegistration) {
  const own = registration?.session === session ? registration : undefined;
  const registered = own && own.queues.length > 0 ? own : { queues: [defaults.queue] };
  return { queues: queues ?? registered, types: types ?? own?.types ?? [] };
}

/** One more than the agent holds: an answer has room for one command. Without `holding` it has at most one. */
function limitOf({ concurrency, holding }: NextRequest): number {
  return Math.min(concurrency, (holding?.length ?? 0) + 1);
}

/** Whether the agent reports as many commands as it may hold; those it does not report are counted in the script. */
const isFull = (request: NextRequest) => limitOf(request) <= (request.holding?.length ?? 0);

const isDraining = ({ session }: Caller, { registration }: AgentRegistration) =>
  registration?.draining === true && registration.session === session;

const isFor = (answer: NextAnswer, id: string) => answer.word === 'command' && answer.command.id === id;
