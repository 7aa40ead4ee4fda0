import { type Request, type Response } from 'express';
import { commandIdSchema } from '../../shared/protocol/commands.js';
import { logWith } from './access-log.js';
import { Problem } from './problem.js';

/**
 * Returns the id of the command in the path `/commands/:id…`, in lower case, and adds it to the line of the access log.
 *
 * @throws Problem when no command can have it
 */
export function commandIdOf(request: Request, response: Response): string {
  const id = commandIdSchema.safeParse(request.params.id).data?.toLowerCase();
  if (id === undefined) throw noSuchCommand();
  logWith(response, { commandId: id });
  return id;
}

export const noSuchCommand = () => new Problem('not_found', 'there is no command with this id');
