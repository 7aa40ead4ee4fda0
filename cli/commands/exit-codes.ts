/** How the command line ends. Contract: scripts rely on it. */
export const exitCodes = {
  done: 0,
  /** The command failed or the condition is false: a command FAILED or is not known, doctor found a problem. */
  failed: 1,
  /** The line itself is wrong, or what was submitted is. */
  usage: 2,
  /** The server does not answer, or cannot work since Redis is away. */
  away: 3,
  /** Ctrl-C. */
  interrupted: 130,
} as const;

/** The reader closed standard output while there was more to do than to print. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed';
}

/** The line cannot be carried out as it was typed. The message names the flag or argument. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  /** The other problems, a line each. */
  readonly others: readonly string[];

  constructor(message: string, others: readonly string[] = []) {
    super(message);
    this.others = others;
  }
}
