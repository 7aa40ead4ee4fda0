import { type ProblemBody } from '../protocol/api.js';
import { type CommandView } from '../protocol/commands.js';
import { type ProblemCode } from '../protocol/errors.js';

interface Answered {
  /** HTTP status of the last answer; undefined when there was none. */
  readonly status?: number | undefined;
  readonly problem?: ProblemBody | undefined;
  readonly cause?: unknown;
}

/** Base class of every error with which a call to a server can end. */
export abstract class ClientError extends Error {
  /** HTTP status of the last answer; undefined when there was none. */
  readonly status: number | undefined;
  /** Fencepost's answer (RFC 9457); undefined when another program answered, or none did. */
  readonly problem: ProblemBody | undefined;

  constructor(message: string, { status, problem, cause }: Answered = {}) {
    super(message, { cause });
    this.status = status;
    this.problem = problem;
  }

  /** The code of the problem; every code is in the documentation of the API. */
  get code(): ProblemCode | undefined {
    return this.problem?.code;
  }
}

/** The server refused the request and gave the reason: not found, not valid, a conflict. Never retried. */
export class RequestRejectedError extends ClientError {
  override readonly name = 'RequestRejectedError';
}

/**
 * No server answered, or none that did can serve now, for as long as the client went on asking. Such a
 * call may have been carried out, and is safe to repeat.
 */
export class ServerUnavailableError extends ClientError {
  override readonly name = 'ServerUnavailableError';
}

/**
 * Whether the request was carried out is unknown, and it was not sent again: carried out twice, it would
 * do more than it was asked for. What to look at is in the documentation of the method.
 */
export class ResponseLostError extends ClientError {
  override readonly name = 'ResponseLostError';
}

/** The answer came from another program than Fencepost, or from a version that this client does not understand. */
export class UnexpectedResponseError extends ClientError {
  override readonly name = 'UnexpectedResponseError';
}

/** The command had not ended when the time for waiting was over. It goes on. */
export class WaitTimeoutError extends ClientError {
  override readonly name = 'WaitTimeoutError';
  /** The command as it was last seen; undefined when no answer came in that time. */
  readonly command: CommandView | undefined;

  constructor(message: string, command: CommandView | undefined) {
    super(message);
    this.command = command;
  }
}

/** The client was closed, before the call or during it. */
export class ClientClosedError extends ClientError {
  override readonly name = 'ClientClosedError';
}
