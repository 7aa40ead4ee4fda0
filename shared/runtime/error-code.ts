/** The `code` of a system error, `ENOENT` for example; undefined for what has none. */
export function errorCode(error: unknown): string | undefined {
  // Not instanceof Error: Node's own errors come from another realm under Jest.
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
