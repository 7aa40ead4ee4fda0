/** Thrown when `npm start` cannot go on for a reason that its user can fix. The message is one line that names it. */
export class StartError extends Error {
  override readonly name = 'StartError';
}
