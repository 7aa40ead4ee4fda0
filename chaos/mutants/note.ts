import { z } from 'zod';

/** The note that a process with a mutant writes about it, and where it writes that. */

// Not `FENCEPOST_…`: a process that is started by a test does not inherit Fencepost's own variables.
export const nameVariable = 'MUTANT';
export const notesVariable = 'MUTANT_NOTES';

const noteSchema = z.object({
  pid: z.int(),
  thread: z.enum(['main', 'worker']),
  /** false: the text was not there, and the process has ended. */
  applied: z.boolean(),
});
/** Written once by every thread that has loaded the mutant's file. */
export type Note = z.infer<typeof noteSchema>;

export const noteOf = (note: Note) => `${JSON.stringify(note)}\n`;

export function parseNotes(text: string): Note[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => noteSchema.parse(JSON.parse(line)));
}
