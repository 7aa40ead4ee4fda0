import { type Engine } from './engine.js';

/** The role of a container in Fencepost, by its service in docker-compose.yml. */
export type Role = 'agent' | 'server' | 'Redis';

const roles: ReadonlyMap<string, Role> = new Map([
  ['agent', 'agent'],
  ['server', 'server'],
  ['redis', 'Redis'],
]);

export interface Container {
  readonly id: string;
  /** `agent-2`, `server-1`, `redis-1`. */
  readonly name: string;
  readonly role: Role;
  /** The host name as its processes see it, and as agents report their machine. */
  readonly host: string;
}

const projectLabel = 'com.docker.compose.project';
const serviceLabel = 'com.docker.compose.service';
const numberLabel = 'com.docker.compose.container-number';
const hostLength = 12;

/**
 * The containers that may be hurt: agents, servers and Redis of the compose project that this process
 * itself belongs to, and no others on this engine.
 *
 * @param ownHost this container's own host name
 */
export async function findStack(engine: Engine, ownHost: string): Promise<readonly Container[]> {
  const own = await engine.inspect(ownHost);
  const project = own.Config.Labels[projectLabel];
  if (project === undefined) throw new Error('this container was not started by docker compose');
  const containers = await engine.list(`${projectLabel}=${project}`);
  return containers.flatMap(({ Id: id, Labels: labels }): Container[] => {
    const service = labels[serviceLabel] ?? '';
    const role = roles.get(service);
    if (role === undefined) return [];
    return [{ id, name: `${service}-${labels[numberLabel] ?? 1}`, role, host: id.slice(0, hostLength) }];
  });
}
