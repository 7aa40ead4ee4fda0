import { commandErrors, problems } from '../../shared/protocol/errors.js';

/** docs/reference/error-codes.md: every code that the API answers, and every one that a failed command may have. */
export function errorCodesPage(): string {
  const answers = Object.entries(problems).map(
    ([code, { status, title }]) => `| \`${code}\` | ${status} | ${title} |`,
  );
  const failures = Object.entries(commandErrors).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`);
  return `# Error codes

Generated from \`shared/protocol/errors.ts\`: \`npm run generate\`. Codes and statuses are contract; the texts are not.

## Answers of the HTTP API

The \`code\` of an \`application/problem+json\` answer (RFC 9457). \`errors\` names each field that is wrong; 503 has a \`Retry-After\`.

| code | status | title |
|---|---|---|
${answers.join('\n')}

## Failed commands

The \`error.code\` of a command whose status is \`FAILED\`. \`error.executed\` is whether execution began: \`no\`, \`yes\` or \`unknown\`.

| code | meaning |
|---|---|
${failures.join('\n')}
`;
}
