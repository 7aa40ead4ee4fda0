import { createHash } from 'node:crypto';
import { type AgentIdentity } from '../shared/protocol/agent-identity.js';

/** The session of a run, the same at each call: tests name it again. */
export const sessionOfRun = (instance: string, boot: number) =>
  `${instance}.${boot}.r${createHash('sha256').update(`${instance}.${boot}`).digest('hex').slice(0, 16)}`;

/** A run of an agent, whose earlier runs are proved dead. */
export const identityOf = (agentId: string, instance: string, boot: number): AgentIdentity => ({
  agentId,
  instance,
  boot,
  session: sessionOfRun(instance, boot),
  earlier: Array.from({ length: boot - 1 }, (_, i) => sessionOfRun(instance, i + 1)),
});
