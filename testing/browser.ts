import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { WebSocket } from 'undici';
import { z } from 'zod';
import { guard } from './guardian.js';

const programs = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The path of a browser that speaks Chrome's protocol, or undefined where there is none. */
export function findBrowser(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return programs.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A message from the browser: an answer to a call, or an event. */
const messageSchema = z.object({
  id: z.int().optional(),
  method: z.string().optional(),
  params: z.record(z.string(), z.unknown()).default({}),
  result: z.record(z.string(), z.unknown()).default({}),
  error: z.object({ message: z.string() }).optional(),
});

/** A page in a real browser, over the Chrome DevTools Protocol: https://chromedevtools.github.io/devtools-protocol/. */
export class BrowserPage {
  /** URLs of everything that it asked for, in order. */
  readonly requests: string[] = [];
  /** Errors that a developer would see in red: exceptions, and what the policy of the page forbade. */
  readonly faults: string[] = [];
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #calls = new Map<number, (message: z.infer<typeof messageSchema>) => void>();
  #lastId = 0;

  private constructor(child: ChildProcess, profile: string, socket: WebSocket) {
    this.#child = child;
    this.#profile = profile;
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => this.#read(String(data)));
  }

  static async open(program: string): Promise<BrowserPage> {
    const profile = mkdtempSync(join(tmpdir(), 'fencepost-browser-'));
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-port=0'];
    const child = spawn(program, [...flags, `--user-data-dir=${profile}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    guard(child);
    const address = await new Promise<string>((told, failed) => {
      child.once('error', failed);
      child.once('exit', () => failed(new Error('the browser ended before it listened')));
      createInterface({ input: child.stderr }).on('line', (line) => {
        const found = /^DevTools listening on ws:\/\/([^/]+)\//.exec(line)?.[1];
        if (found !== undefined) told(found);
      });
    });
    const opened = await fetch(`http://${address}/json/new?about:blank`, { method: 'PUT' });
    const { webSocketDebuggerUrl } = z
      .object({ webSocketDebuggerUrl: z.string() })
      .parse(await opened.json());
    const socket = new WebSocket(webSocketDebuggerUrl);
    await new Promise((listening) => socket.addEventListener('open', listening, { once: true }));
    const page = new BrowserPage(child, profile, socket);
    for (const part of ['Runtime', 'Log', 'Network', 'Page']) await page.#call(`${part}.enable`);
    return page;
  }

  async go(url: string): Promise<void> {
    await this.#call('Page.navigate', { url });
  }

  /** Clicks the first element of a selector, once it is there. */
  click(selector: string): Promise<unknown> {
    return this.#evaluate(`${whenThere(selector)}.then((element) => element.click())`);
  }

  /** The text of the first element of a selector, once it is there. */
  async text(selector: string): Promise<string> {
    return String(await this.#evaluate(`${whenThere(selector)}.then((element) => element.innerText)`));
  }

  async close(): Promise<void> {
    const ended = new Promise((end) => this.#child.once('exit', end));
    this.#child.kill('SIGKILL');
    await ended;
    // Helper processes of the browser may still write for a moment.
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }

  async #evaluate(expression: string): Promise<unknown> {
    const answer = await this.#call('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    return z.object({ value: z.unknown().optional() }).parse(answer.result).value;
  }

  async #call(method: string, params: object = {}): Promise<Readonly<Record<string, unknown>>> {
    const id = ++this.#lastId;
    const answer = new Promise<z.infer<typeof messageSchema>>((answered) => this.#calls.set(id, answered));
    this.#socket.send(JSON.stringify({ id, method, params }));
    const { result, error } = await answer;
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  #read(text: string): void {
    const message = messageSchema.parse(JSON.parse(text));
    const { id, method, params } = message;
    if (id !== undefined) this.#calls.get(id)?.(message);
    if (method === 'Network.requestWillBeSent') {
      this.requests.push(z.object({ request: z.object({ url: z.string() }) }).parse(params).request.url);
    }
    if (method === 'Runtime.exceptionThrown' || method === 'Log.entryAdded')
      this.faults.push(JSON.stringify(params));
  }
}

/** Returns code for the page: a promise of an element, without polling. */
const whenThere = (selector: string) => `new Promise((found) => {
  const look = () => {
    const element = document.querySelector(${JSON.stringify(selector)});
    if (element) found(element);
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true });
  look();
})`;
