import { z } from 'zod';
import { BrowserPage, findBrowser } from '../../testing/browser.js';
import { endProcesses, startProcess } from '../../testing/processes.js';
import { TestRedis } from '../../testing/redis-server.js';

const program = findBrowser();

if (program === undefined) {
  test.skip('the pages at /docs in a browser: needs Chromium or Chrome on PATH', () => undefined);
} else {
  let redis: TestRedis;
  let page: BrowserPage;
  afterEach(async () => {
    await page.close();
    await endProcesses();
    await redis.stop();
  });

  test('the pages at /docs show the API in a real browser, send requests, and contact no other host', async () => {
    redis = await TestRedis.start();
    const env = { PORT: '0', REDIS_URL: redis.url, LOG_LEVEL: 'info', LOG_PRETTY: 'false' };
    const line = await startProcess(['dist/server/main.js'], { env }).waitForLine(/"ready: http/);
    const { url } = z.object({ url: z.string() }).parse(JSON.parse(line));
    page = await BrowserPage.open(program);
    await page.go(`${url}/docs#/Commands/submitCommand`);
    await page.click('.try-out__btn');
    await page.click('button.execute');
    expect(await page.text('.live-responses-table .response .response-col_status')).toContain('202');
    const others = page.requests.filter((one) => !one.startsWith(`${url}/`) && !one.startsWith('data:'));
    expect(others).toEqual([]);
    expect(page.requests).toContain(`${url}/commands`);
    // Nothing that the policy of the pages forbids is asked for either.
    expect(page.faults).toEqual([]);
  });
}
