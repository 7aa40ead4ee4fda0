/**
 * Given to Node by `--require`, in `NODE_OPTIONS`, so that it comes before every module of a process and of its
 * threads: plants one mutant in one file as that is loaded. Nothing on the disk changes, and nothing of the
 * product knows of it.
 *
 * A process that loads the file and does not find the text ends at once: it would run without the mutant, and give
 * an untrue result about the history checker.
 */
import fs from 'node:fs';
import Module from 'node:module';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { mutantNamed } from './mutants.js';
import { applyMutant } from './mutant.js';
import { nameVariable, noteOf, notesVariable } from './note.js';

const mutant = mutantNamed(process.env[nameVariable] ?? '');
const notes = process.env[notesVariable] ?? '';
const target = join(__dirname, '..', '..', mutant.file);
let isNoted = false;

function mutated(content: string): string {
  const thread = isMainThread ? 'main' : 'worker';
  try {
    const changed = applyMutant(mutant, content);
    if (!isNoted) fs.appendFileSync(notes, noteOf({ pid: process.pid, thread, applied: true }));
    isNoted = true;
    return changed;
  } catch (error) {
    fs.appendFileSync(notes, noteOf({ pid: process.pid, thread, applied: false }));
    fs.writeSync(2, `${String(error)}\n`);
    return process.exit(1);
  }
}

// Node's own types know neither of these two as something to replace.
interface Loads {
  readFileSync: (path: unknown, ...rest: unknown[]) => unknown;
}
interface Compiles {
  _compile: (this: unknown, content: string, path: string, ...rest: unknown[]) => unknown;
}

const loading = fs as unknown as Loads;
const { readFileSync } = loading;
loading.readFileSync = (path, ...rest) => {
  const content = readFileSync(path, ...rest);
  const isScript = path === target && target.endsWith('.lua') && typeof content === 'string';
  return isScript ? mutated(content) : content;
};

const compiling = Module.prototype as unknown as Compiles;
const { _compile: compile } = compiling;
compiling._compile = function (content, path, ...rest) {
  return compile.call(this, path === target ? mutated(content) : content, path, ...rest);
};
