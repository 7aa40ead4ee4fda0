import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** A lock without an owner's pid is one that is being made, or whose maker died doing so. */
const nameless = { maxAgeMs: 5000 };

/**
 * Runs `action` while no other process of this checkout runs its own: two `npm run agent` at once
 * must not install or build over each other. The lock is a folder, since mkdir is atomic; one whose
 * owner is gone is taken over.
 */
export async function withLock(path, say, action) {
  mkdirSync(dirname(path), { recursive: true });
  let told = false;
  while (!tryLock(path)) {
    if (takeAway(path)) continue;
    if (!told) say('Waiting for another process that installs or builds here');
    told = true;
    await pause(100);
  }
  try {
    return await action();
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

function tryLock(path) {
  try {
    mkdirSync(path);
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
  writeFileSync(join(path, 'pid'), String(process.pid));
  return true;
}

/** Removes the lock if its owner is gone. Returns whether to try again at once. */
function takeAway(path) {
  const owner = ownerOf(path);
  if (owner === undefined || isOwnerAlive(path, owner)) return owner === undefined;
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
    // Another waiter may have been faster, and this be its new lock: give it back.
    if (ownerOf(aside) === owner) rmSync(aside, { recursive: true, force: true });
    else renameSync(aside, path);
  } catch {
    // Another process was faster.
  }
  return true;
}

/** The pid in the lock, '' when there is none yet, undefined when there is no lock. */
function ownerOf(path) {
  try {
    return readFileSync(join(path, 'pid'), 'utf8');
  } catch {
    return statSync(path, { throwIfNoEntry: false }) ? '' : undefined;
  }
}

function isOwnerAlive(path, owner) {
  if (owner === '') {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat !== undefined && Date.now() - stat.mtimeMs < nameless.maxAgeMs;
  }
  try {
    process.kill(Number(owner), 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
