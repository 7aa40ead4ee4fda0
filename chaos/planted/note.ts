import { z } from 'zod';

/** What a process that was given a bug says about it, and where. */

export const nameVariable = 'FENCEPOST_PLANTED';
export const notesVariable = 'FENCEPOST_PLANTED_NOTES';

const noteSchema = z.object({
  pid: z.int(),
  thread: z.enum(['main', 'worker']),
  /** false: the text was not there, and the process has ended. */
  planted: z.boolean(),
});
/** Written once by every thread that has loaded the bug's file. */
export type Note = z.infer<typeof noteSchema>;

export const noteOf = (note: Note) => `${JSON.stringify(note)}\n`;

export function parseNotes(text: string): Note[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => noteSchema.parse(JSON.parse(line)));
}
