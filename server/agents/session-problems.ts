import { type NameHolder } from '../../shared/lifecycle/registration.js';
import { shownAs } from '../../shared/protocol/sessions.js';
import { Problem } from '../http/problem.js';
import { type Refusal } from './agent-sessions.js';

/** The answer to a session that may not go on under this name. */
export function problemOfRefusal(agentId: string, refusal: Refusal): Problem {
  return refusal.word === 'taken' ? nameTaken(agentId, refusal.holder) : oldSession(agentId);
}

const oldSession = (agentId: string) =>
  new Problem(
    'old_session',
    `a newer session of ${agentId} took over: one session is one run of an agent's process, and this one is over`,
    { errors: [{ field: 'session', message: 'must be the newest of its agent' }] },
  );

/** Shows the holder's secrets only as digests: a client that knows the secrets can act as that agent. */
function nameTaken(agentId: string, { lastSeen, ...secret }: NameHolder): Problem {
  const holder = { ...secret, instance: shownAs(secret.instance), session: shownAs(secret.session) };
  const { instance, host, pid, leaseLeftMs } = holder;
  const where = `instance ${instance}${pid === '' ? '' : `, pid ${pid}`}${host === '' ? '' : ` on ${host}`}`;
  const heard = new Date(lastSeen).toISOString();
  return new Problem(
    'agent_name_taken',
    `${agentId} is held by ${where}, last seen at ${heard}: choose another name, or wait ${leaseLeftMs} ms to see whether it is gone`,
    { holder: { ...holder, lastSeen: heard, leaseLeftMs }, headers: { 'Retry-After': seconds(leaseLeftMs) } },
  );
}

const seconds = (ms: number) => String(Math.max(1, Math.ceil(ms / 1000)));
