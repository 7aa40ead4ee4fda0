/**
 * The JSON in an answer, as it was sent: zod's copy of it lacks keys named `__proto__`.
 *
 * @param parsed what a schema made of `body`
 * @param names of the fields that hold any JSON
 */
export function asSent<Parsed extends object>(
  parsed: Parsed,
  body: unknown,
  names: readonly (keyof Parsed & string)[],
): Parsed {
  if (typeof body !== 'object' || body === null) return parsed;
  const sent = names.filter((name) => Object.hasOwn(body, name));
  return { ...parsed, ...Object.fromEntries(sent.map((name) => [name, Reflect.get(body, name) as unknown])) };
}
