import { HealthPort, HealthPortTaken } from './health-port.js';

describe('HealthPort', () => {
  it('answers with its agent ID while the process runs, and not at all once it was stopped', async () => {
    const health = new HealthPort(0, 'agent-1');
    await health.start();
    const { url } = health;

    const answer = await fetch(url);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ status: 'ok', agentId: 'agent-1' });

    await health.stop();
    await health.stop();
    await expect(fetch(url)).rejects.toThrow();
  });

  it('says what to do when another agent has the port', async () => {
    const first = new HealthPort(0, 'agent-1');
    await first.start();
    const second = new HealthPort(Number(new URL(first.url).port), 'agent-2');

    await expect(second.start()).rejects.toThrow(HealthPortTaken);
    await first.stop();
  });
});
