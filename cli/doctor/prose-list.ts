/** How many are named; the others are counted. */
const named = 5;

/** `3 commands: a, b and c`, or `the command a`. */
export function proseList(items: readonly string[], one: string, many = `${one}s`): string {
  if (items.length === 1) return `the ${one} ${items[0] ?? ''}`;
  const shown = items.slice(0, named).join(', ');
  return `${items.length} ${many} (${shown}${items.length > named ? ' …' : ''})`;
}
