import { freePort } from '../../testing/processes.js';
import { type FaultPlace } from '../fault-log.js';
import { Listener } from './listener.js';
import { type Message } from './messages.js';
import { LoadTeller } from './teller.js';

const told = { fault: 1, kind: 'agent container killed', target: 'agent-2', host: 'c0ffee' } as const;

/** A fault log that records its calls. */
function notingLog(notes: unknown[]) {
  return {
    begin: (place: FaultPlace) => {
      notes.push(['begin', place]);
      return {
        verified: (proof: string, inFlight: readonly string[]) =>
          void notes.push(['verified', proof, inFlight]),
        healed: () => void notes.push(['healed']),
        withdraw: () => undefined,
      };
    },
  };
}

describe('the chaos service reports to the load service', () => {
  let teller: LoadTeller;
  const notes: unknown[] = [];
  const listener = new Listener({
    faults: notingLog(notes),
    seed: 7,
    ended: () => 42,
    inFlight: ({ host }) => Promise.resolve([`in hand at ${host}`]),
  });
  beforeAll(async () => {
    const port = await freePort();
    await listener.start(port);
    teller = new LoadTeller(`http://127.0.0.1:${port}`, ['agent container killed']);
  });
  afterAll(() => listener.stop());

  it('what it is about to hurt: the commands in flight there are noted before', async () => {
    expect(await teller.present(new AbortController().signal)).toEqual({ over: false, seed: 7 });
    expect(listener.kinds).toEqual(['agent container killed']);

    await teller.tell({ says: 'injecting', ...told });
    await teller.tell({ says: 'verified', fault: 1, proof: 'exit code 137' });
    await teller.tell({ says: 'healed', fault: 1 });
    expect(notes).toEqual([
      ['begin', { kind: told.kind, target: 'agent-2', event: 42 }],
      ['verified', 'exit code 137', ['in hand at c0ffee']],
      ['healed'],
    ]);
    expect(listener.hosts).toEqual(new Map([['agent-2', new Set(['c0ffee'])]]));
  });

  it('nothing that is no message', async () => {
    // A fault that has no number.
    const broken: Message = { says: 'healed', fault: NaN };
    await expect(teller.tell(broken)).rejects.toThrow('refused');
  });

  it('that all is whole, once the load service has answered that the run is over', async () => {
    listener.end();
    expect(await teller.ask()).toEqual({ over: true, seed: 7 });
    await teller.tell({ says: 'whole' });
    await listener.whole;
  });
});
