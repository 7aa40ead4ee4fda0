// Nothing can settle this, and nothing keeps the process alive.
await new Promise(() => undefined);
