import { type ProblemBody } from '../protocol/api.js';
import { type CommandView } from '../protocol/commands.js';
import { type ProblemCode } from '../protocol/errors.js';

interface Answered {
  /** HTTP status of the last answer; undefined when there was none. */
  readonly status?: number | undefined;
  readonly problem?: ProblemBody | undefined;
  readonly cause?: unknown;
}

/** What a call to a server can end with, beside its answer. */
export abstract class ClientError extends Error {
  /** HTTP status of the last answer; undefined when there was none. */
  readonly status: number | undefined;
  /** What Fencepost answered (RFC 9457); undefined when it was not Fencepost that answered, or nobody did. */
  readonly problem: ProblemBody | undefined;

  constructor(message: string, { status, problem, cause }: Answered = {}) {
    super(message, { cause });
    this.status = status;
    this.problem = problem;
  }

  /** Which problem it is; every code is in the documentation of the API. */
  get code(): ProblemCode | undefined {
    return this.problem?.code;
  }
}

/** The server does not do what it was asked for, and says why: not found, not valid, a conflict. Never sent again. */
export class RequestRefused extends ClientError {
  override readonly name = 'RequestRefused';
}

/**
 * No server answered, or none that did can serve now, for as long as the client went on asking. Such a
 * call may have been carried out, and is safe to repeat.
 */
export class ServerUnavailable extends ClientError {
  override readonly name = 'ServerUnavailable';
}

/**
 * Whether the request was carried out is unknown, and it was not sent again: carried out twice, it would
 * do more than it was asked for. What to look at is in the documentation of the method.
 */
export class AnswerLost extends ClientError {
  override readonly name = 'AnswerLost';
}

/** What answered is no Fencepost, or one that this client does not understand. */
export class AnswerUnexpected extends ClientError {
  override readonly name = 'AnswerUnexpected';
}

/** The command had not ended when the time for waiting was over. It goes on. */
export class WaitTimedOut extends ClientError {
  override readonly name = 'WaitTimedOut';
  /** As it was seen last; undefined when no answer came in that time. */
  readonly command: CommandView | undefined;

  constructor(message: string, command: CommandView | undefined) {
    super(message);
    this.command = command;
  }
}

/** The client was closed, before the call or during it. */
export class ClientClosed extends ClientError {
  override readonly name = 'ClientClosed';
}
