/** `npm start` cannot go on, and its user can do something about it. The message is one line that says what. */
export class StartError extends Error {
  override readonly name = 'StartError';
}
