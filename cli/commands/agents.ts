import { type Command } from 'commander';
import { type AgentView } from '../../shared/protocol/api.js';
import { agentIdSchema } from '../../shared/protocol/commands.js';
import { examples, handDownFlags, type ServerFlags, withServerFlags } from './flags.js';
import { type Paint } from '../paint.js';
import { withClient } from './session.js';
import { tableText } from './table.js';
import { type Terminal } from './terminal.js';
import { by } from './values.js';

/** `agents`: the agents that execute commands; and `agents drain`. */
export function agentsCommand(command: Command, terminal: Terminal): Command {
  withServerFlags(handDownFlags(command))
    .description('list agents, with the queues that they serve and their last heartbeat')
    .addHelpText(
      'after',
      examples(
        ['agents', 'list all agents'],
        ['agents drain agent-1-3daa28', 'drain an agent before it is stopped'],
      ),
    )
    .action((flags: ServerFlags) =>
      withClient(flags, terminal, async (client) => {
        const agents = await client.agents({ signal: terminal.signal });
        if (flags.json) terminal.printJson({ agents });
        else if (agents.length === 0) terminal.say('none: npm run agent starts one');
        else for (const line of agentsTable(agents, terminal.paint)) terminal.print(line);
        return undefined;
      }),
    );
  withServerFlags(command.command('drain'))
    .description(
      'drain an agent: it accepts no more commands until its next run, and finishes those in flight',
    )
    .argument('<agentId>', 'id as printed by agents', by(agentIdSchema))
    .addHelpText('after', examples(['agents drain agent-1-3daa28', 'drain an agent before it is stopped']))
    .action((agentId: string, flags: ServerFlags) =>
      withClient(flags, terminal, async (client) => {
        const answer = await client.drain(agentId, { signal: terminal.signal });
        if (flags.json) terminal.printJson(answer);
        else terminal.print(`${agentId} accepts no more commands`);
        return undefined;
      }),
    );
  return command;
}

function agentsTable(agents: readonly AgentView[], paint: Paint): string[] {
  const head = ['AGENT', 'STATE', 'RUNNING', 'QUEUES', 'TYPES', 'HOST', 'PID', 'LAST SEEN'].map(paint.faint);
  const rows = agents.map((agent) => [
    agent.agentId,
    stateText(agent, paint),
    `${agent.running}/${agent.concurrency ?? '?'}`,
    agent.queues.map((queue) => (agent.weights ? `${queue}:${agent.weights[queue] ?? 1}` : queue)).join(','),
    agent.types.join(','),
    agent.host,
    String(agent.pid ?? ''),
    agent.lastSeen,
  ]);
  return tableText([head, ...rows]);
}

function stateText({ state, draining }: AgentView, paint: Paint): string {
  if (state === 'lost') return paint.bad('lost');
  return draining ? paint.busy('draining') : paint.good('live');
}
