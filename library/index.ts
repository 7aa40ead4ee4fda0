/** The exports of `fencepost`. The client alone, without Redis, is `fencepost/client`. */
export { type CommandDefinition, defineCommand } from '../agent/commands/define-command.js';
export {
  type CommandType,
  type ExecutionContext,
  ExecutionError,
  type ExecutionErrorOptions,
} from '../agent/commands/command-type.js';
export { InvalidCommandModuleError } from '../agent/command-modules.js';
export { DataDirectoryUnavailableError } from '../agent/data-directory.js';
export { AgentIdTakenError } from '../agent/agent-registration.js';
export { InvalidProgressError } from '../agent/progress-reporter.js';
export { ConfigError } from '../shared/runtime/config.js';
export { SchemaVersionError } from '../shared/store/meta.js';
export { type Agent, type AgentOptions, createAgent } from './agent.js';
export * from './client.js';
export { type AnyCommandType } from './commands.js';
export { type Logger } from '../shared/runtime/logger.js';
export { createServer, type Server, type ServerOptions } from './server.js';
