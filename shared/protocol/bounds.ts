/** Deepest nesting of a body. Every parser and printer between here and a handler is recursive. */
export const jsonDepth = 64;

/** Most commands that an agent over HTTP may hold: `holding` must fit the head of a request. */
export const mostHeld = 200;

/** Most faults that one answer lists. */
export const problemErrors = 20;

/**
 * The bounds of an announced JSON Schema, so that neither reading nor compiling it nor applying it can
 * cost a server more than a request deserves. `docs/how-to/write-command-types.md` has them for authors.
 */
export const schemaLimits = {
  /** Size of a type's payload and result schema together, as JSON in UTF-8. */
  bytes: 64 * 1024,
  /** Schemas in a schema, itself included. */
  schemas: 500,
  levels: jsonDepth,
  references: 500,
  /** Schemas that one and the same value may be checked by. */
  perValue: 1000,
  /** States of the automata that all its patterns make together. */
  patternStates: 2000,
  /** Announcements with schemas in one registration. */
  types: 200,
} as const;
