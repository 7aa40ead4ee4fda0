import { Ledger } from './ledger.js';

/** A ledger as a process: prints its URL on the first line, and runs until SIGTERM or SIGINT. */
async function main(): Promise<void> {
  const ledger = await Ledger.start();
  process.stdout.write(`${ledger.url}\n`);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void ledger.stop());
}

void main();
