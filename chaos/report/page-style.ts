/** Styles of the page: a light and a dark one, and one column down to the width of a phone. */
export const pageStyle = `
:root {
  color-scheme: light dark;
  --paper: #fdfdfc; --card: #f4f4f1; --ink: #1c1d1f; --soft: #5c6067; --line: #dcdcd6;
  --good: #17703c; --good-paper: #e6f4ea; --bad: #b3261e; --bad-paper: #fdeceb;
  --agents: #2f6fb3; --servers: #8a4fb5; --Redis: #c1392b; --links: #b06f00; --entries: #2a8073; --queues: #7a6a00;
  --accepted: #9aa4b2; --ended: #2f6fb3; --open: #b06f00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #151618; --card: #1e2023; --ink: #e8e8e4; --soft: #a0a4ab; --line: #34373c;
    --good: #6fcf97; --good-paper: #16301f; --bad: #ff8a80; --bad-paper: #3a1a18;
    --agents: #6aa9ee; --servers: #c191ea; --Redis: #ff7b6d; --links: #e5a93c; --entries: #5cc4b3; --queues: #d3c04a;
    --accepted: #747c88; --ended: #6aa9ee; --open: #e5a93c;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 62rem;
  background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
}
h1 { font-size: 1.05rem; font-weight: 600; color: var(--soft); margin: 0 0 .75rem; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 2.75rem 0 .75rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; overflow-wrap: anywhere; }
p { margin: .5rem 0; max-width: 44rem; }
.note, figcaption, small { color: var(--soft); }
code, pre { font: .875em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; }
pre { margin: .5rem 0; padding: .75rem 1rem; overflow-x: auto; background: var(--card); border-radius: .375rem; }

.verdict { padding: 1.25rem 1.5rem; border-radius: .625rem; border-left: .375rem solid; }
.verdict.good { background: var(--good-paper); border-color: var(--good); }
.verdict.bad { background: var(--bad-paper); border-color: var(--bad); }
.verdict strong { display: block; font-size: 2rem; line-height: 1.2; letter-spacing: -.01em; }
.good strong, .mark.good { color: var(--good); }
.bad strong, .mark.bad { color: var(--bad); }
.verdict p { margin: .375rem 0 0; }
.verdict ul { margin: .5rem 0 0; padding-left: 1.25rem; }

dl.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 1rem 0 0; }
.cards div { padding: .75rem 1rem; background: var(--card); border-radius: .5rem; display: flex; flex-direction: column-reverse; justify-content: flex-end; }
.cards dt { font-size: .875rem; line-height: 1.35; color: var(--soft); }
.cards dd { margin: 0; font-size: 1.625rem; line-height: 1.3; font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }

.wide { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .9375rem; line-height: 1.4; font-variant-numeric: tabular-nums; }
th, td { padding: .375rem .5rem; text-align: left; vertical-align: baseline; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
th { font-weight: 500; }
thead th { font-size: .8125rem; color: var(--soft); vertical-align: bottom; }
.figure { text-align: right; white-space: nowrap; }
.name { white-space: nowrap; }
.cell { overflow-wrap: anywhere; }
.remark { color: var(--soft); }
.mark { font-weight: 700; margin-right: .375rem; }
tr.bad th, tr.bad td { background: var(--bad-paper); }
tr.sum th, tr.sum td { font-weight: 600; border-bottom: 0; border-top: 1px solid var(--ink); }
tr.group th, tr.group td { border-bottom-color: transparent; }
td.bar { width: 26%; vertical-align: middle; }
td.bar svg { display: block; width: 100%; height: .75rem; }
rect.injected { fill: var(--line); } rect.verified { fill: var(--ended); opacity: .4; } rect.work { fill: var(--ended); }

svg { display: block; width: 100%; height: 100%; overflow: visible; }
svg path, svg polyline { fill: none; vector-effect: non-scaling-stroke; stroke-width: 1; }
.grid { stroke: var(--line); } .seam { stroke: var(--soft); stroke-dasharray: 2 3; opacity: .6; }
polyline { stroke-width: 1.5; stroke-linejoin: round; }
polyline.accepted { stroke: var(--accepted); } polyline.ended { stroke: var(--ended); } polyline.open { stroke: var(--open); }
path.agents { stroke: var(--agents); } path.servers { stroke: var(--servers); } path.Redis { stroke: var(--Redis); }
path.links { stroke: var(--links); } path.entries { stroke: var(--entries); }
path.queues { stroke: var(--queues); }
path.missed { stroke: var(--soft); stroke-dasharray: 2 2; } path.all { stroke: var(--soft); }
.plot { margin: 1.25rem 0 0; padding-left: 4.75rem; }
figcaption { margin-left: -4.75rem; font-size: .875rem; }
.key { margin-left: .75rem; white-space: nowrap; }
.key::before { content: ""; display: inline-block; width: 1.1em; margin-right: .35em; border-top: 2px solid; vertical-align: .25em; }
.key.accepted::before { border-color: var(--accepted); } .key.ended::before { border-color: var(--ended); }
.key.missed::before { border-top-style: dashed; }
.panel { position: relative; margin-top: .75rem; }
.rates { height: 9rem; } .waiting { height: 6rem; }
.y { position: absolute; right: 100%; margin-right: .5rem; transform: translateY(50%); font-size: .75rem; color: var(--soft); font-variant-numeric: tabular-nums; }
.x { position: relative; height: 1.5rem; font-size: .75rem; color: var(--soft); font-variant-numeric: tabular-nums; }
.x span { position: absolute; top: .25rem; transform: translateX(-50%); }
.x .end { transform: translateX(-100%); }
.lane { position: relative; height: 1.5rem; margin-top: .375rem; }
.lane span { position: absolute; right: 100%; width: 4.75rem; padding-right: .5rem; font-size: .75rem; line-height: 1.5rem; white-space: nowrap; display: flex; justify-content: space-between; gap: .35rem; }
.lane b { font-weight: 400; color: var(--soft); font-variant-numeric: tabular-nums; }
.lane path { opacity: .75; } .lane .seam { opacity: .6; }

.strips td.strip { width: 45%; padding: 0 1rem; vertical-align: middle; }
.strips td.strip svg { height: 1.625rem; }
.strips td:not(.strip), .strips th:not(:first-child) { text-align: right; white-space: nowrap; }
.strip path { opacity: .65; } .strip .grid { opacity: 1; }
.strip .p50 { stroke: var(--ink); stroke-width: 2; opacity: 1; }
.decades { position: relative; height: 1.2rem; font-size: .75rem; color: var(--soft); }
.decades span { position: absolute; transform: translateX(-50%); white-space: nowrap; }

details { margin: .5rem 0; }
summary { cursor: pointer; color: var(--soft); }

@media (max-width: 40rem) {
  body { padding: 1.25rem 1rem 3rem; }
  .verdict { padding: 1rem; } .verdict strong { font-size: 1.625rem; }
  dl.cards { grid-template-columns: 1fr 1fr; } .cards dd { font-size: 1.375rem; }
  table { font-size: .8125rem; } th, td { padding: .375rem .25rem; }
  td.bar, th.bar { display: none; }
  .name { white-space: normal; }
  .strips td.strip { width: 30%; padding: 0 .5rem; }
  .decades span:not(:first-child):not(:last-child) { display: none; }
  .decades span:first-child { transform: none; } .decades span:last-child { transform: translateX(-100%); }
  .x span:nth-child(even) { display: none; }
}
@media print { body { max-width: none; } details > pre { display: block; } }
`;
