// Turns the standard Markdown of a `markdown` block into elements: headings, lists, quotes, code,
// tables, rules, links and emphasis. https://docs.slack.dev/reference/block-kit/blocks/markdown-block

import { h } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { inline as slackInline, link } from "./mrkdwn.js";

const ITEM = /^(\s*)([-*+]|\d+[.)])\s+(.*)$/;
const STARTS_BLOCK = /^(#{1,6}\s|```|>|\s*([-*+]|\d+[.)])\s+|\s*([-*_])(\s*\3){2,}\s*$)/;

export function markdown(text, names) {
  const lines = text.replace(/\r/g, "").split("\n");
  const made = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    let match;
    if (!line.trim()) {
      at += 1;
    } else if (/^```/.test(line)) {
      const end = lines.findIndex((other, index) => index > at && /^```\s*$/.test(other));
      const stop = end < 0 ? lines.length : end;
      made.push(h("pre", {}, lines.slice(at + 1, stop).join("\n")));
      at = stop + 1;
    } else if ((match = /^(#{1,6})\s+(.*?)#*$/.exec(line))) {
      made.push(h(`h${Math.min(match[1].length + 2, 6)}`, { class: "md-head" }, spans(match[2], names)));
      at += 1;
    } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
      made.push(h("hr"));
      at += 1;
    } else if (/^>/.test(line)) {
      const quoted = run(lines, at, (other) => /^>/.test(other));
      made.push(h("blockquote", {}, markdown(quoted.map((l) => l.replace(/^> ?/, "")).join("\n"), names)));
      at += quoted.length;
    } else if (line.includes("|") && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[at + 1] ?? "")) {
      const rows = run(lines, at, (other) => other.includes("|"));
      made.push(table(rows, names));
      at += rows.length;
    } else if (ITEM.test(line)) {
      const items = run(lines, at, (other) => ITEM.test(other) || /^\s{2,}\S/.test(other));
      made.push(list(items, names));
      at += items.length;
    } else {
      const paragraph = run(lines, at, (other, index) => other.trim() && (index === at || !STARTS_BLOCK.test(other)));
      made.push(h("p", {}, paragraph.flatMap((l, i) => (i ? [h("br"), ...spans(l, names)] : spans(l, names)))));
      at += paragraph.length;
    }
  }
  return made;
}

function run(lines, from, belongs) {
  let end = from;
  while (end < lines.length && belongs(lines[end], end)) end += 1;
  return lines.slice(from, Math.max(end, from + 1));
}

function list(lines, names) {
  const [, indent, mark] = ITEM.exec(lines[0]);
  const element = h(/\d/.test(mark) ? "ol" : "ul");
  let at = 0;
  while (at < lines.length) {
    const [, , , text] = ITEM.exec(lines[at]);
    const inside = run(lines, at + 1, (other) => /^\s*/.exec(other)[0].length > indent.length);
    const own = lines[at + 1] !== undefined && inside.length && /^\s*/.exec(lines[at + 1])[0].length > indent.length;
    element.append(item(text, own ? inside : [], names));
    at += 1 + (own ? inside.length : 0);
  }
  return element;
}

function item(text, inside, names) {
  const task = /^\[([ xX])\]\s+(.*)$/.exec(text);
  const words = task ? [task[1] === " " ? "☐ " : "☑ ", ...spans(task[2], names)] : spans(text, names);
  return h("li", { class: task && "task-item" }, words, inside.length ? markdown(unindented(inside).join("\n"), names) : []);
}

function unindented(lines) {
  const least = Math.min(...lines.map((line) => /^\s*/.exec(line)[0].length));
  return lines.map((line) => line.slice(least));
}

function table(lines, names) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((c) => c.trim().replace(/\\\|/g, "|"));
  const aligns = cells(lines[1]).map((c) => (/^:.*:$/.test(c) ? "center" : /:$/.test(c) ? "right" : "left"));
  const row = (tag) => (line) =>
    h("tr", {}, cells(line).map((c, i) => h(tag, { class: `align-${aligns[i] ?? "left"}` }, spans(c, names))));
  return h("div", { class: "table-box" }, h("table", {}, h("thead", {}, row("th")(lines[0])), h("tbody", {}, lines.slice(2).map(row("td")))));
}

const SPAN = /(`+)(.+?)\1|\*\*(?=\S)(.+?)(?<=\S)\*\*|__(?=\S)(.+?)(?<=\S)__|~~(.+?)~~|(?<![\w*])\*(?=\S)([^*]+?)(?<=\S)\*|(?<![\w_])_(?=\S)([^_]+?)(?<=\S)_(?!\w)|!?\[([^\]]*)\]\(([^)\s]+)\)|<([@#!][^<>]+)>|(https?:\/\/[^\s<>|)]*[^\s<>|).,:;!?])/u;

function spans(text, names) {
  const match = SPAN.exec(text);
  if (!match) return text ? [withEmoji(text.replace(/\\([\\`*_~[\]()#|>-])/g, "$1"))] : [];
  const [all, , code, strong, strong2, strike, em, em2, label, target, reference, url] = match;
  const before = spans(text.slice(0, match.index), names);
  const after = spans(text.slice(match.index + all.length), names);
  return [...before, span(), ...after];

  function span() {
    if (code !== undefined) return h("code", {}, code);
    if (strong ?? strong2) return h("strong", {}, spans(strong ?? strong2, names));
    if (strike) return h("s", {}, spans(strike, names));
    if (em ?? em2) return h("em", {}, spans(em ?? em2, names));
    if (target) return link(target, label || target);
    if (reference) return h("span", {}, slackInline(all, names));
    return link(url, url);
  }
}
