/**
 * page: one HTML page that needs nothing else: no script, no picture, no font and no address of another server, and its policy forbids them. Light and dark as
 * the reader's system is. Who makes the body escapes what comes from outside. Pure.
 */
import { timeText } from './format.js';
import { escapeHtml } from './plot.js';

const STYLE = `
:root{color-scheme:light dark;--fg:#1c2430;--dim:#5b6676;--bg:#fff;--line:#d5dbe3;--good:#2e8b57;--bad:#c8372d;--other:#c79a2b;--literal:#3a6ea5;--matched:#8fc1a9}
@media(prefers-color-scheme:dark){:root{--fg:#e3e8ef;--dim:#9aa6b6;--bg:#14181f;--line:#323b49;--good:#4fb27c;--bad:#e8695f;--other:#d9b14a;--literal:#6f9fd8;--matched:#5c9a80}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2.5rem;border-top:1px solid var(--line);padding-top:1rem}h3{font-size:.95rem;margin:1.2rem 0 .2rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{text-align:left;padding:.2rem .6rem .2rem 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}th{color:var(--dim);font-weight:600}
.facts th{width:9rem}.num{text-align:right;white-space:nowrap}.time{white-space:nowrap}.dim{color:var(--dim)}.is-good{color:var(--good)}.is-bad{color:var(--bad)}.is-other{color:var(--other)}
svg{width:100%;height:auto;display:block}svg text{font-size:11px;fill:var(--dim)}.end{text-anchor:end}.middle{text-anchor:middle}.grid{stroke:var(--line)}.line{fill:none;stroke:var(--literal);stroke-width:1.5;stroke-linecap:round;stroke-linejoin:round}
.good{fill:var(--good)}.bad{fill:var(--bad)}.other{fill:var(--other)}.literal,.duration{fill:var(--literal)}.matched{fill:var(--matched)}
.key span{margin-right:1.2rem}.key i{display:inline-block;width:.8em;height:.8em;margin-right:.4em;vertical-align:-.05em}.key .good{background:var(--good)}.key .bad{background:var(--bad)}.key .other{background:var(--other)}.key .literal{background:var(--literal)}.key .matched{background:var(--matched)}
`.trim();

/** @param title text @param body HTML @param style more of it */
export function htmlPage(title: string, body: string, style = ''): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"><meta name="referrer" content="no-referrer">
<title>${escapeHtml(title)}</title><style>${STYLE}${style}</style></head>
<body><main><h1>${escapeHtml(title)}</h1>
${body}
</main></body></html>
`;
}

/** An instant, for people and programs. */
export function timeElement(at: number): string {
  return `<time datetime="${new Date(at).toISOString()}">${timeText(at)}</time>`;
}
