/** The identity of an agent; fixed for the life of its process. */
export interface AgentIdentity {
  readonly agentId: string;
  /** The agent's data directory, for ever; copies of the directory share it. */
  readonly instance: string;
  /** Orders the runs of this instance: later ones have higher numbers. */
  readonly boot: number;
  /** This run of its process, and no other: a secret. */
  readonly session: string;
  /** Sessions of earlier runs whose processes are proved dead. */
  readonly earlier: readonly string[];
}
