import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Deployment } from '../../testing/deployment.js';
import { repositoryRoot } from '../../testing/redis-server.js';
import { compared, rewritten, stepsOf, walk } from './tour.js';

const path = join(repositoryRoot, 'docs/how-to/run-agents-without-redis.md');

it('an agent is played by hand as the page of its protocol shows it', async () => {
  // The page is played beside an agent that serves the default queue, as `npm start` has two.
  const deployment = await Deployment.start({ agents: 1 });
  try {
    const page = readFileSync(path, 'utf8');
    const url = new URL(deployment.url).host;
    const none = () => Promise.reject(new Error('no agent is to be killed'));
    const seen = await walk(stepsOf(page, 'By hand'), { url, killAgentOf: none });
    expect(seen.length).toBeGreaterThan(8);
    if (process.env.TOUR === 'write') writeFileSync(path, rewritten(page, seen, url));
    expect(seen.map((one) => compared(one)[0])).toEqual(seen.map((one) => compared(one)[1]));
  } finally {
    await deployment.stop();
  }
});
