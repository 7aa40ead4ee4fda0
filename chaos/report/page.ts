import { type RunRecord } from '../record.js';
import { html, Html, nothing, prose } from './html.js';
import { pageStyle } from './page-style.js';
import { commandOfRound, type Story, storiesOf } from './stories.js';
import { faultBar, recoveryStrips } from './strips.js';
import { floorTable, loadTable, type Row, settingTable, type Table, zeroTable } from './tables.js';
import { headline } from './text.js';
import { timeline } from './timeline.js';
import { times, wait } from './units.js';
import { type Verdict } from './verdict.js';

/** More would only make the page heavy; the JSON file has them all. */
const shownStories = 50;

/** The report as one page that loads nothing and runs nothing. */
export function reportPage(record: RunRecord, verdict: Verdict): string {
  const title = `Chaos run, seed ${record.seed}: ${verdict.outcome}`;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <style>
          ${new Html(pageStyle)}
        </style>
      </head>
      <body>
        <header>
          <h1>
            Fencepost: chaos run of ${record.startedAt.slice(0, 16).replace('T', ' ')} UTC, seed
            ${record.seed}
          </h1>
          ${top(record, verdict)} ${cards(verdict)}
        </header>
        <main>
          <section>
            <h2>What must be 0</h2>
            ${tableHtml(zeroTable(verdict))}
          </section>
          ${stories(record, storiesOf(record, verdict))}
          <section>
            <h2>What must be reached</h2>
            <p class="note">A run below one of these has exercised too little to show anything, and fails.</p>
            ${tableHtml(floorTable(verdict))}
          </section>
          <section>
            <h2>Over time</h2>
            <p class="note">Rounds end to end, each with fresh data; dashed lines part them.</p>
            ${timeline(record)}
          </section>
          <section>
            <h2>Time to recover</h2>
            <p class="note">
              From the injection of a fault until each command in flight on what it hit had ended, was put
              back or started anew; a freeze or a cut counts for as long as it lasts. One mark per fault, the
              strong one is the median; the axis is logarithmic.
            </p>
            ${recoveryStrips(record, verdict)}
          </section>
          <section>
            <h2>Faults</h2>
            <p class="note">
              Verified: seen to have happened. With work: at least one command was in flight on what was hit;
              only these prove anything.
            </p>
            ${faults(verdict)}
          </section>
          <section>
            <h2>Commands</h2>
            ${tableHtml(loadTable(verdict))}
          </section>
          <section>
            <h2>The run</h2>
            ${tableHtml(settingTable(record, verdict))}
          </section>
        </main>
      </body>
    </html> `.text;
}

function top(record: RunRecord, verdict: Verdict): Html {
  const { passed, failures } = verdict;
  const [word = '', ...rest] = headline(record, verdict).split(/(?<=^Passed|^Failed|^Inconclusive)[: ]+/);
  const reasons = passed
    ? nothing
    : html`<ul>
        ${failures.map((failure) => html`<li>${prose(failure)}</li>`)}
      </ul>`;
  return html`<div class="verdict ${passed ? 'good' : 'bad'}">
    <strong><span aria-hidden="true">${passed ? '✓' : '✗'}</span> ${word}</strong>
    <p>${rest.join(' ')}</p>
    ${reasons}
    <p>Repeat it: <code>${record.command}</code></p>
  </div>`;
}

function cards({ figures: { withWork, accepted, findings, recovery, acceptedPerMinute } }: Verdict): Html {
  const card = (figure: string, what: string) =>
    html`<div>
      <dt>${what}</dt>
      <dd>${figure}</dd>
    </div>`;
  return html`<dl class="cards">
    ${card(times(withWork), 'verified faults with work in flight')}
    ${card(times(accepted), `commands accepted, ${times(Math.round(acceptedPerMinute))} a minute`)}
    ${card(times(findings.length), findings.length === 1 ? 'broken promise' : 'broken promises')}
    ${recovery === null ? nothing : card(wait(recovery.p50), `median time to recover; p99 ${wait(recovery.p99)}, max ${wait(recovery.max)}`)}
  </dl>`;
}

function tableHtml({ columns, rows }: Table): Html {
  const kind = (i: number) => (columns[i]?.holds === 'figures' ? 'figure' : i === 0 ? 'name' : 'cell');
  const titled = columns.some((column) => column.title !== '');
  const head = html`<thead>
    <tr>
      ${columns.map(({ title }, i) => html`<th scope="col" class="${kind(i)}">${title}</th>`)}
    </tr>
  </thead>`;
  return html`<div class="wide">
    <table>
      ${titled ? head : nothing}
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr class="${rowClass(row)}">
              ${row.cells.map((cell, i) => (i === 0 ? html`<th scope="row" class="name">${mark(row)}${cell}</th>` : html`<td class="${kind(i)}">${prose(cell)}</td>`))}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

function rowClass({ good, sum }: Row): string {
  if (good === false) return 'bad';
  return sum === true ? 'sum' : '';
}

function mark({ good }: Row): Html {
  if (good === undefined) return nothing;
  return good
    ? html`<span class="mark good" aria-hidden="true">✓</span>`
    : html`<span class="mark bad" role="img" aria-label="failed">✗</span>`;
}

function faults({ figures: { faults: rows, injected, verified, withWork } }: Verdict): Html {
  const most = Math.max(0, ...rows.map((row) => row.injected));
  return html`<div class="wide">
    <table>
      <thead>
        <tr>
          <th scope="col">fault</th>
          <th scope="col">at</th>
          <th class="bar"></th>
          <th scope="col" class="figure">injected</th>
          <th scope="col" class="figure">verified</th>
          <th scope="col" class="figure">with work</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row, i) =>
            html`<tr class="${row.kind === rows[i + 1]?.kind ? 'group' : ''}">
              <th scope="row">${row.kind === rows[i - 1]?.kind ? '' : row.kind}</th>
              <td class="cell">${row.point ?? ''}</td>
              <td class="bar">${faultBar(row, most)}</td>
              <td class="figure">${times(row.injected)}</td>
              <td class="figure">${times(row.verified)}</td>
              <td class="figure">${times(row.withWork)}</td>
            </tr> `,
        )}
        <tr class="sum">
          <th scope="row">all</th>
          <td></td>
          <td class="bar"></td>
          <td class="figure">${times(injected)}</td>
          <td class="figure">${times(verified)}</td>
          <td class="figure">${times(withWork)}</td>
        </tr>
      </tbody>
    </table>
  </div>`;
}

function stories(record: RunRecord, all: readonly Story[]): Html {
  if (all.length === 0) return nothing;
  const rest = all.length - shownStories;
  return html`<section>
    <h2>What went wrong</h2>
    ${all.slice(0, shownStories).map((story) => storyHtml(record, story))}
    ${rest > 0 ? html`<p>${times(rest)} more: see the JSON file.</p>` : nothing}
  </section>`;
}

function storyHtml(record: RunRecord, { round, seed, commandId, findings, history }: Story): Html {
  const alone = commandOfRound(record, seed);
  return html`<article>
    <h3>${commandId ?? 'No single command'}</h3>
    <p class="note">
      Round ${round}, seed
      ${seed ?? 'not known'}${alone === null ? nothing : html`; alone: <code>${alone}</code>`}
    </p>
    <ul>
      ${findings.map(({ heading, what }) => html`<li><b>${heading}</b>: ${what}</li>`)}
    </ul>
    ${
      history.length === 0
        ? nothing
        : html`<details open>
            <summary>History, from all logs</summary>
            <pre>${history.join('\n')}</pre>
          </details>`
    }
    ${findings.map(({ what, evidence }) =>
      evidence === null
        ? nothing
        : html`<details>
            <summary>Evidence: ${what}</summary>
            <pre>${JSON.stringify(evidence, null, 1)}</pre>
          </details>`,
    )}
  </article>`;
}
