/** Why an execution was aborted: each is the `reason` of a handler's signal. */

export class ExecutionTimeout extends Error {
  override readonly name = 'ExecutionTimeout';
}

/** The attempt is no longer this agent's, or may not be for long. */
export class AttemptLost extends Error {
  override readonly name = 'AttemptLost';
}

/** A client or an operator wants it to stop. */
export class CommandCancelled extends Error {
  override readonly name = 'CommandCancelled';

  constructor() {
    super('it was cancelled');
  }
}

/** The agent was stopped, and the attempt outlasted its grace period. */
export class AgentStopped extends Error {
  override readonly name = 'AgentStopped';

  /** @param graceMs for which its agent had waited */
  constructor(graceMs: number) {
    super(`its agent was stopped, and it had not ended within GRACE_MS (${graceMs} ms)`);
  }
}
