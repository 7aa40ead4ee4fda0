/** What a server said to a GET. */
export interface ServerAnswer {
  readonly status: number;
  /** Parsed when it is JSON, else as text. */
  readonly body: unknown;
}

/** Nobody waits longer than this for one that is well. */
const timeoutMs = 3000;

/**
 * Asks a server, once: doctor wants to know how it is now, not how it is after a while.
 *
 * @param path without a slash in front
 * @param headers credentials
 * @throws Error whose message says why there is no answer
 */
export async function askServer(
  url: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<ServerAnswer> {
  try {
    // As the client has it: a server may stand below a path, behind a proxy.
    const base = url.endsWith('/') ? url : `${url}/`;
    const answer = await fetch(new URL(path, base), {
      headers,
      // What lets doctor in is for this server, and not for wherever it redirects.
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await answer.text();
    return { status: answer.status, body: parsed(text) };
  } catch (error) {
    // `fetch failed` says nothing; its cause does.
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new Error(cause instanceof Error ? cause.message || cause.name : String(cause), { cause: error });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
