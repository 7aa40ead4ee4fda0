import { type Request, type Response } from 'express';
import { type z } from 'zod';
import { announce, NotAnnounced } from '../../shared/lifecycle/type-announcements.js';
import { release } from '../../shared/lifecycle/attempt-leases.js';
import { pendingOf } from '../../shared/lifecycle/recovery.js';
import { announcedBy, drain, leave } from '../../shared/lifecycle/registration.js';
import {
  type drainingSchema,
  leaveQuerySchema,
  type leftSchema,
  type RegisterBody,
  registerBodySchema,
  type registeredSchema,
  settleBodySchema,
  type settledSchema,
} from '../../shared/protocol/agent-api.js';
import { agentIdSchema, limits } from '../../shared/protocol/commands.js';
import { shownAs } from '../../shared/protocol/sessions.js';
import { fieldOfType } from '../../shared/protocol/type-digest.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { type Endpoint, handlersWith } from '../http/endpoint.js';
import { parseBody } from '../http/json-body.js';
import { Problem } from '../http/problem.js';
import { parseQuery } from '../http/query.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { AnnouncementVetting } from '../types/announcement-vetting.js';
import { type AgentSessions, callerOf } from './agent-sessions.js';
import { checkSession } from './attempt-routes.js';
import { problemOfRefusal } from './session-problems.js';
import { retryable } from '../http/retryable.js';
import { readRegistration } from './agent-registration.js';
import { type LongPollRegistry } from './long-poll-registry.js';

export interface AgentRoutesOptions {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
  readonly admissions: AgentSessions;
  readonly polls: LongPollRegistry;
  readonly leaseMs: number;
}

interface AgentRoutesContext extends AgentRoutesOptions {
  readonly vetting: AnnouncementVetting;
}

/** The endpoints by which agents register, settle and deregister, and by which operators drain them. */
export function agentRoutes(options: AgentRoutesOptions): Endpoint[] {
  const withContext = handlersWith<AgentRoutesContext>({ ...options, vetting: new AnnouncementVetting() });

  const endpoints: Endpoint[] = [
    {
      method: 'put',
      path: '/agents/:agentId',
      about: 'for agents: register, or send a heartbeat',
      // Leaves room for announced schemas.
      bodyBytes: limits.reportBodyBytes,
      handle: withContext(registerAgent),
    },
    {
      method: 'post',
      path: '/agents/:agentId/settle',
      about: 'for agents: resolve the commands of earlier sessions, which have ended for certain',
      bodyBytes: limits.bodyBytes,
      handle: withContext(settleEarlier),
    },
    {
      method: 'delete',
      path: '/agents/:agentId',
      about: 'for agents: deregister; ?session=',
      handle: withContext(leaveName),
    },
    {
      method: 'post',
      path: '/agents/:agentId/drain',
      about: 'drain an agent: it accepts no more commands until it is started again',
      handle: withContext(drainAgent),
    },
  ];
  return endpoints.map((endpoint) => retryable(endpoint));
}

async function registerAgent(
  { link, admissions, leaseMs, vetting }: AgentRoutesContext,
  request: Request,
  response: Response,
): Promise<void> {
  const agentId = agentIdOf(request);
  const body = parseBody(registerBodySchema, request);
  const { session, instance, host, earlier } = body;
  checkSession(session, instance);
  const announced = body.types.filter((type) => typeof type !== 'string');
  vetting.check(body.types);
  const caller = callerOf(agentId, session, instance);
  const reply = await admissions.register(caller, host, fieldsOf(body), earlier);
  if (reply.word !== 'ok') throw problemOfRefusal(agentId, reply);
  const differing = await link.call((redis) => announce(redis, announced)).catch(refuseAnnouncement);
  const { draining } = reply;
  const at = new Date(reply.now).toISOString();
  response.json({ agentId, session, leaseMs, at, draining, differing } satisfies z.input<
    typeof registeredSchema
  >);
}

async function settleEarlier(
  { admissions }: AgentRoutesContext,
  request: Request,
  response: Response,
): Promise<void> {
  const agentId = agentIdOf(request);
  const { session, earlier } = parseBody(settleBodySchema, request);
  const reply = await admissions.settle(callerOf(agentId, session, undefined), earlier);
  if (reply.word !== 'ok') throw problemOfRefusal(agentId, reply);
  const settled = reply.settled.flatMap(({ word, id: commandId, attempt }) =>
    word === 'requeued' || word === 'lost' ? [{ commandId, attempt, word }] : [],
  );
  response.json({ agentId, settled } satisfies z.input<typeof settledSchema>);
}

async function leaveName(
  { link, keys, polls }: AgentRoutesContext,
  request: Request,
  response: Response,
): Promise<void> {
  const agentId = agentIdOf(request);
  const { session } = parseQuery(leaveQuerySchema, request);
  polls.endSession(agentId, session);
  const left = await link.call(async (redis) => {
    const { registration } = await readRegistration(redis, keys, agentId);
    if (registration?.session !== session) return false;
    // These entries were delivered to the agent and not started when it was connected to Redis itself before.
    const pending = await pendingOf(redis, keys, agentId, registration.queues);
    const items = pending.map((one) => ({ ...one, attempt: 0 }));
    if (items.length > 0) await release(redis, keys, agentId, session, items);
    return (await leave(redis, agentId, registration.instance, registration.boot)) === 'left';
  });
  response.json({ agentId, left } satisfies z.input<typeof leftSchema>);
}

async function drainAgent(
  { link, polls }: AgentRoutesContext,
  request: Request,
  response: Response,
): Promise<void> {
  const agentId = agentIdOf(request);
  const session = await link.call((redis) => drain(redis, agentId));
  if (session === undefined) throw noSuchAgent();
  polls.endSession(agentId, session);
  response.status(202).json({ agentId, session: shownAs(session) } satisfies z.input<typeof drainingSchema>);
}

function fieldsOf({
  session,
  queues: { queues, weights = [] },
  types,
  concurrency,
  pid,
  version,
}: RegisterBody) {
  const versions = types.flatMap((type) => (typeof type === 'string' ? [] : [fieldOfType(type)]));
  return {
    queues: queues.join(','),
    // Written even when there are none: an earlier session of the agent may have had some.
    weights: weights.join(','),
    types: types.map((type) => (typeof type === 'string' ? type : type.type)).join(','),
    concurrency,
    // A heartbeat that only names its types leaves their versions unchanged. Where it announces some, `register`
    // keeps the versions that were announced before of the types that are only named.
    ...(versions.length === 0 ? {} : { announced: announcedBy(session, versions) }),
    ...(pid === undefined ? {} : { pid }),
    ...(version === undefined ? {} : { version }),
  };
}

function agentIdOf(request: Request): string {
  const id = agentIdSchema.safeParse(request.params.agentId).data;
  if (id === undefined) throw noSuchAgent();
  return id;
}

/** The agent is registered all the same, and is given the commands that it can execute. */
function refuseAnnouncement(error: unknown): never {
  if (!(error instanceof NotAnnounced)) throw error;
  throw new Problem('conflict', error.message, { cause: error });
}

const noSuchAgent = () => new Problem('not_found', 'no agent is registered under this name');
