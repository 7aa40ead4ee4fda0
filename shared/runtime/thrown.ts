import { keptMessage } from '../protocol/error-message.js';

/** The message for a thrown value that throws when it is inspected. */
const unshowable = 'what was thrown cannot be shown';

/**
 * Returns the message of any thrown value: JavaScript lets anything be thrown, also a value without a
 * message, one whose message is no text, or one that itself throws when it is read. The result is as short
 * and well-formed as an error's message may be. Never throws.
 */
export function messageOf(thrown: unknown): string {
  try {
    return keptMessage(textOf(thrown));
  } catch {
    return unshowable;
  }
}

/** Returns the stack of a thrown value as text; undefined when it has none. Never throws. */
export function stackOf(thrown: unknown): string | undefined {
  const stack = propertyOf(thrown, 'stack');
  return typeof stack === 'string' ? keptMessage(stack) : undefined;
}

/** A property of any value; undefined also when reading it throws. */
export function propertyOf(value: unknown, name: PropertyKey): unknown {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return undefined;
  try {
    return Reflect.get(value, name);
  } catch {
    return undefined;
  }
}

function textOf(thrown: unknown): string {
  // Not instanceof Error: it may be of another realm, or look like one.
  if (typeof thrown !== 'object' || thrown === null || !('message' in thrown)) return String(thrown);
  const { message } = thrown;
  if (typeof message === 'string' && message !== '') return message;
  const name = propertyOf(thrown, 'name');
  return `${typeof name === 'string' && name !== '' ? name : 'an error'} without a message`;
}
