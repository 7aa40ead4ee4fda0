import {
  type Benchmark,
  type BenchmarkContext,
  type BenchmarkResult,
  measuredMedian,
  type Plot,
  type Table,
} from '../benchmark.js';
import { load } from '../load.js';
import { withRedis } from '../redis.js';
import { ratioText } from '../report/wording.js';
import { spreadOf } from '../statistics.js';
import { type HttpCase, httpCases } from './cases.js';
import { cells, type Names, type Rates, samplesOf } from './rates.js';
import { takeSubmission } from './submission.js';
import { takeToCompleted } from './to-completed.js';

export const http: Benchmark = {
  name: 'http',
  about: 'commands over HTTP: submission beside a bare route, and from HTTP to COMPLETED beside BullMQ',
  method: [
    '*Submission*: a load generator (undici, in a process of its own) sends the same bodies by turns (A B A B …) to ' +
      "Fencepost's server and to a bare Express route, over as many connections that are kept alive, one request at a " +
      'time on each; a lap is timed from the first request to the last answer, every one of them 202. The bare route, a ' +
      'process too, parses the JSON, validates it with the same zod schema, makes one `XADD` in the same Redis over the ' +
      'same kind of connection, and answers with an id; for a batch one `XADD` per command, sent together. It checks ' +
      'nothing else: no type, no payload by its schema, no backlog, no id that is known. No worker takes what is ' +
      'submitted, and after every lap both streams must hold exactly what was sent.',
    '*HTTP to COMPLETED*: batches of 500, 2 under way, to Fencepost’s server, worked off meanwhile by one agent ' +
      `(concurrency ${load.concurrency}, journal), beside BullMQ's \`addBulk\` of batches as large and as many, ` +
      'worked off by one worker with the same concurrency. Client, server, agent and worker are processes of their own; ' +
      'BullMQ has no HTTP layer here. A lap is over when Redis says so, read every 2 ms in the same way for both.',
    'The server runs with `LOG_LEVEL=warn`, so that it writes no line per request: the bare route writes none either.',
  ],
  targets: ['http-submit', 'http-to-completed'],

  async run(context: BenchmarkContext): Promise<BenchmarkResult> {
    const commands = context.short ? 1000 : 10_000;
    const cases = httpCases(context.short);
    const submission = await withRedis((redis) => takeSubmission(redis, cases, context));
    const whole = await withRedis((redis) => takeToCompleted(redis, commands, context));
    const rows = cases.flatMap((one, i) => {
      const rates = submission[i];
      return rates ? [{ one, rates }] : [];
    });
    return {
      settings: {
        appendfsync: 'always',
        body: cases[0]?.order.body ?? '',
        'requests per lap': cases.map(({ name, order }) => `${name}: ${order.requests}`).join('; '),
        'commands per lap to COMPLETED': commands,
      },
      tables: [
        submissionTable(rows),
        {
          title: 'HTTP in (batches of 500) to COMPLETED: commands/s',
          columns: ['concurrency', 'Fencepost, over HTTP', 'BullMQ, addBulk', 'ratio'],
          rows: [[String(load.concurrency), ...cells(whole), ratioText(whole.ratios)]],
        },
      ],
      plots: [plotOf('Submission over HTTP', ['Fencepost', 'bare route'], rows)],
      measured: [
        ...rows.flatMap(({ one, rates }) =>
          one.target ? [measuredMedian(one.target, rates.ratios.map(percent))] : [],
        ),
        measuredMedian('http-to-completed', whole.ratios),
      ],
      samples: [
        ...rows.flatMap(({ one, rates }) => samplesOf(one.name, ['Fencepost', 'bare route'], rates)),
        ...samplesOf('HTTP to COMPLETED', ['Fencepost', 'BullMQ'], whole),
      ],
    };
  },
};

const percent = (ratio: number) => 100 * ratio;

interface Row {
  readonly one: HttpCase;
  readonly rates: Rates;
}

function submissionTable(rows: readonly Row[]): Table {
  return {
    title: 'Submission over HTTP: commands/s',
    columns: ['', 'Fencepost', 'bare route', 'share of the bare route'],
    rows: rows.map(({ one, rates }) => {
      const { median, min, max } = spreadOf(rates.ratios.map(percent));
      return [one.name, ...cells(rates), `${median.toFixed(1)} % (${min.toFixed(1)}–${max.toFixed(1)})`];
    }),
  };
}

function plotOf(title: string, [ours, theirs]: Names, rows: readonly Row[]): Plot {
  return {
    title,
    unit: 'commands/s',
    by: '',
    groups: rows.map(({ one }) => one.name),
    series: [
      { name: ours, values: rows.map(({ rates }) => spreadOf(rates.ours)) },
      { name: theirs, values: rows.map(({ rates }) => spreadOf(rates.theirs)) },
    ],
  };
}
