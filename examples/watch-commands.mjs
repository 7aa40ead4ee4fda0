// Shows how many commands have each status, as it changes, and stays right whatever breaks.
//   node --experimental-eventsource examples/watch-commands.mjs http://localhost:3000
// A page of the server's own host does the same, with `server` as '' and another end of `show`.
const server = process.argv[2] ?? 'http://localhost:3000';
const statuses = new Map();
let heardOf = new Set();
let reading = 0;

const source = new EventSource(`${server}/events`);

source.addEventListener('transition', ({ data }) => {
  const { commandId, status } = JSON.parse(data);
  statuses.set(commandId, status);
  heardOf.add(commandId);
  show();
});

// Transitions may be missing up to here.
source.addEventListener('resync', ({ data }) => void readAll(JSON.parse(data).reason));

// Reads what was there before. After a reconnect the server goes on where it was, or sends a resync.
source.addEventListener('open', () => void readAll('the beginning'), { once: true });

// Called only once the stream is open: a change after its page was read then comes as an event.
async function readAll(why) {
  const turn = ++reading;
  statuses.clear();
  heardOf = new Set();
  for (let cursor = ''; cursor !== null;) {
    const { commands, nextCursor } = await readPage(cursor);
    // Another resync came meanwhile, and began anew.
    if (turn !== reading) return;
    // A status from an event is newer than that of the page, or something newer follows it.
    for (const { commandId, status } of commands) {
      if (!heardOf.has(commandId)) statuses.set(commandId, status);
    }
    cursor = nextCursor;
  }
  show(`(read: ${why})`);
}

async function readPage(cursor) {
  for (;;) {
    try {
      const answer = await fetch(`${server}/commands?limit=200${cursor && `&cursor=${cursor}`}`);
      if (answer.ok) return await answer.json();
    } catch {
      // The server is away: the stream comes back by itself, and so must this read.
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

function show(note = '') {
  const counts = { PENDING: 0, RUNNING: 0, COMPLETED: 0, FAILED: 0 };
  for (const status of statuses.values()) counts[status]++;
  const text = Object.entries(counts).map(([status, count]) => `${status} ${count}`);
  process.stdout.write(`${text.join('  ')} ${note}`.trim() + '\n');
}

// Node's EventSource keeps no process alive while it waits to connect again.
setInterval(() => undefined, 60_000);
