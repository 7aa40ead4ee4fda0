// `node tools/check-package.mjs <tarball>…` checks tarballs of `npm pack`: whether every entry point is there, and whether its
// types describe the code that is loaded, for each way in which Node, TypeScript and bundlers resolve modules. It prints a
// line of JSON for each tarball, with its faults, and exits with 1 if there are any.
//
// This is a program and no test, because both checkers are ES modules, which Jest cannot import without an experimental flag.
import { readFileSync } from 'node:fs';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

/**
 * Advice of publint that this package does not follow, with the reason.
 *
 * USE_TYPE: the root of a clone and of an agent's image is this package, and with `"type": "commonjs"` Node would refuse a
 * module of command types there that is an ES module in a `.js` file.
 */
const declined = ['USE_TYPE'];

async function faultsOf(path) {
  const tarball = new Uint8Array(readFileSync(path));
  const { messages, pkg } = await publint({ pack: { tarball: tarball.buffer }, strict: true });
  const types = await checkPackage(createPackageFromTarballData(tarball));
  return [
    ...messages
      .filter(({ code }) => !declined.includes(code))
      .map((message) => `publint ${message.code}: ${formatMessage(message, pkg, { color: false })}`),
    ...(types.types === false
      ? ['attw NoTypes: there are no types at all']
      : types.problems.map(wordProblem)),
  ];
}

function wordProblem({ kind, ...where }) {
  return `attw ${kind}: ${JSON.stringify(where)}`;
}

let isWrong = false;
for (const path of process.argv.slice(2)) {
  const faults = await faultsOf(path);
  isWrong ||= faults.length > 0;
  console.log(JSON.stringify({ path, faults }));
}
process.exitCode = isWrong ? 1 : 0;
