/** The answer of a server to a GET. */
export interface ServerAnswer {
  readonly status: number;
  /** Parsed when it is JSON, else as text. */
  readonly body: unknown;
}

/** How long to wait for an answer: a healthy server needs less. */
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
    // The client resolves URLs in the same way: a server may stand below a path, behind a proxy.
    const base = url.endsWith('/') ? url : `${url}/`;
    const answer = await fetch(new URL(path, base), {
      headers,
      // The credentials are for this server, and not for the target of a redirect.
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await answer.text();
    return { status: answer.status, body: parsed(text) };
  } catch (error) {
    // `fetch failed` explains nothing; its cause does.
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
