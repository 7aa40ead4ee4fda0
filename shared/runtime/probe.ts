import { get } from 'node:http';

/**
 * `node probe.js <url>`: exit code 0 if it is answered 200 in time, else 1 with the reason. For the
 * health checks of containers, whose images then need no curl. With `node:http` rather than `fetch`,
 * which takes twice as long to load, every few seconds in every container.
 */
const timeoutMs = 4000;

const end = (exitCode: number, line: string) => {
  process.stdout.write(`${line}\n`);
  process.exit(exitCode);
};

get(process.argv[2] ?? '', { signal: AbortSignal.timeout(timeoutMs), agent: false }, (answer) => {
  let body = '';
  answer.setEncoding('utf8').on('data', (text: string) => (body += text));
  answer.on('end', () => end(answer.statusCode === 200 ? 0 : 1, `${answer.statusCode} ${body}`));
}).on('error', (error) => end(1, String(error)));
