/** The formats of JSON Schema that people know by an example, and not by the expression that checks them. */
const examples: Readonly<Record<string, string>> = {
  uri: 'an http:// or https:// URL without a user name or password',
  uuid: 'a UUID such as 01a20347-41c9-70fb-9717-be09e4a1f184',
  'date-time': 'a time such as 2026-11-22T18:00:00Z',
  date: 'a date such as 2026-11-22',
  time: 'a time of day such as 18:00:00Z',
  duration: 'a duration such as PT30S',
  email: 'an e-mail address',
  hostname: 'the name of a host',
  ipv4: 'an IPv4 address',
  ipv6: 'an IPv6 address',
};

/** Returns what a string must be, by the format of its schema, or by its pattern where it has no format. */
export function stringRule({
  format,
  pattern,
}: {
  readonly format?: unknown;
  readonly pattern?: unknown;
}): string {
  if (typeof format !== 'string') return `must match the pattern ${String(pattern)}`;
  return Object.hasOwn(examples, format) ? `must be ${examples[format]}` : `must match the format ${format}`;
}
