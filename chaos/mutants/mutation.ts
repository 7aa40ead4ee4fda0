import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCode } from '../../shared/runtime/error-code.js';
import { repositoryRoot } from '../../testing/redis-server.js';
import { nameVariable, type Note, notesVariable, parseNotes } from './note.js';
import { type Mutant } from './mutant.js';

/** A mutant for processes that are started with `env`, and the notes that they have written about it since. */
export class Mutation {
  readonly env: Readonly<Record<string, string>>;
  readonly #directory: string;
  readonly #notes: string;

  private constructor(mutant: Mutant, directory: string) {
    this.#directory = directory;
    this.#notes = join(directory, 'notes');
    const preload = join(repositoryRoot, 'dist/chaos/mutants/preload.js');
    this.env = {
      NODE_OPTIONS: `--require=${JSON.stringify(preload)}`,
      [nameVariable]: mutant.name,
      [notesVariable]: this.#notes,
    };
  }

  static async begin(mutant: Mutant): Promise<Mutation> {
    return new Mutation(mutant, await mkdtemp(join(tmpdir(), 'fencepost-mutant-')));
  }

  /** None before the first process has loaded the mutant's file. */
  notes(): Note[] {
    try {
      return parseNotes(readFileSync(this.#notes, 'utf8'));
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return [];
      throw error;
    }
  }

  async end(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }
}
