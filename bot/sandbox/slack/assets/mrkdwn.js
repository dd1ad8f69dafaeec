// Turns Slack's mrkdwn into elements: https://docs.slack.dev/messaging/formatting-message-text/.
// `names` resolves ids: { person(id), channel(id), group(id), me }.

import { h } from "./dom.js";
import { emoji, withEmoji } from "./emoji.js";

const MARKS = { "*": "strong", _: "em", "~": "s" };
const WORD = /[\p{L}\p{N}]/u;

export const decode = (text) =>
  text.replace(/&(lt|gt|amp);/g, (_, name) => ({ lt: "<", gt: ">", amp: "&" })[name]);

export const plain = (text) => withEmoji(decode(text));

export function mrkdwn(text, names) {
  const parts = text.split(/```\n?([\s\S]*?)\n?```/);
  return parts.flatMap((part, index) =>
    index % 2 ? [h("pre", {}, decode(unlink(part)))] : lines(part, names, index > 0),
  );
}

function lines(text, names, followsCode) {
  const made = [];
  let said = [];
  let quoted = [];
  const endQuote = () => {
    if (quoted.length) made.push(h("blockquote", {}, joined(quoted, names)));
    quoted = [];
  };
  const endText = () => {
    if (said.join("").length) made.push(h("div", { class: "text" }, joined(said, names)));
    said = [];
  };
  const all = (followsCode ? text.replace(/^\n/, "") : text).split("\n");
  for (const line of all) {
    const quote = /^(?:>|&gt;) ?(.*)$/.exec(line);
    if (quote) {
      endText();
      quoted.push(quote[1]);
    } else {
      endQuote();
      said.push(line);
    }
  }
  endQuote();
  endText();
  return made;
}

const joined = (several, names) =>
  several.flatMap((line, index) => (index ? [h("br"), ...inline(line, names)] : inline(line, names)));

export function inline(text, names) {
  const made = [];
  let plainText = "";
  let at = 0;
  const flush = () => {
    if (plainText) made.push(decode(plainText));
    plainText = "";
  };
  while (at < text.length) {
    const found = special(text, at, names);
    if (found) {
      flush();
      made.push(found.element);
      at = found.end;
    } else {
      plainText += text[at];
      at += 1;
    }
  }
  flush();
  return made;
}

function special(text, at, names) {
  const rest = text.slice(at);
  let match;
  if ((match = /^`([^`\n]+)`/.exec(rest)))
    return { element: h("code", {}, decode(unlink(match[1]))), end: at + match[0].length };
  if ((match = /^<([^<>\n]+)>/.exec(rest))) {
    const element = reference(match[1], names);
    return element && { element, end: at + match[0].length };
  }
  if ((match = /^:([\w+'-]+):/.exec(rest)) && emoji(match[1]))
    return { element: emoji(match[1]), end: at + match[0].length };
  if (MARKS[text[at]]) return marked(text, at, names);
  if (!WORD.test(text[at - 1] ?? "") && (match = /^https?:\/\/[^\s<>|]*[^\s<>|.,:;!?)*_~]/.exec(rest)))
    return { element: link(decode(match[0]), decode(match[0])), end: at + match[0].length };
  return null;
}

// A mark opens where no word precedes it and closes where no word follows it: 5*4*3 is no bold.
function marked(text, at, names) {
  const mark = text[at];
  if (WORD.test(text[at - 1] ?? "") || /\s|^$/.test(text[at + 1] ?? "") || text[at + 1] === mark)
    return null;
  let end = text.indexOf(mark, at + 2);
  while (end > 0) {
    if (!/\s/.test(text[end - 1]) && !WORD.test(text[end + 1] ?? ""))
      return { element: h(MARKS[mark], {}, inline(text.slice(at + 1, end), names)), end: end + 1 };
    end = text.indexOf(mark, end + 1);
  }
  return null;
}

// What stands in angle brackets: a person, channel, group, date or link; anything else is text.
function reference(inside, names) {
  const bar = inside.indexOf("|");
  const target = bar < 0 ? inside : inside.slice(0, bar);
  const label = bar < 0 ? "" : decode(inside.slice(bar + 1));
  const id = target.slice(1);
  if (/^@[UW]\w+$/.test(target)) return mention(`@${names.person(id) ?? (label || id)}`, id === names.me);
  if (/^#[CD]\w+$/.test(target)) return mention(`#${names.channel(id) ?? (label || id)}`, false);
  if (/^!(here|channel|everyone)$/.test(target)) return mention(`@${id}`, true);
  if (target.startsWith("!subteam^")) return mention(`@${names.group(target.slice(9)) ?? label}`, false);
  if (target.startsWith("!date^")) return date(target, label);
  if (/^(https?:\/\/|mailto:|tel:)/i.test(target)) return link(decode(target), withEmoji(label) || decode(target));
  return null;
}

const mention = (name, isMine) => h("span", { class: isMine ? "mention mine" : "mention" }, name);

export function link(target, label) {
  if (!/^(https?:\/\/|mailto:|tel:)/i.test(target)) return h("span", {}, label);
  const shown = label.replace(/^mailto:/, "");
  return h("a", { href: target, target: "_blank", rel: "noopener noreferrer" }, shown);
}

// <!date^1392734382^{date_short} at {time}^https://…|fallback>
function date(target, fallback) {
  const [, seconds, format = "", url] = target.split("^");
  const when = new Date(Number(seconds) * 1000);
  if (Number.isNaN(when.getTime())) return h("span", {}, fallback);
  const day = (style) => when.toLocaleDateString("en-GB", style);
  const clock = (style) => when.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", ...style });
  const shown = format.replace(/\{(\w+)\}/g, (token, name) => {
    if (name.startsWith("date_num")) return when.toISOString().slice(0, 10);
    if (name.startsWith("date_short")) return day({ day: "numeric", month: "short", year: "numeric" });
    if (name.startsWith("date_long")) return day({ weekday: "long", day: "numeric", month: "long", year: "numeric" });
    if (name.startsWith("date")) return day({ day: "numeric", month: "long", year: "numeric" });
    if (name === "time_secs") return clock({ second: "2-digit" });
    if (name === "time") return clock({});
    return token;
  });
  const time = h("time", { datetime: when.toISOString(), title: when.toString() }, shown || fallback);
  return url ? h("a", { href: /^https?:/.test(url) ? url : undefined, target: "_blank", rel: "noopener noreferrer" }, time) : time;
}

// Inside code, a link is its label or its address, and nothing is formatted.
const unlink = (text) =>
  text.replace(/<((?:https?:\/\/|mailto:)[^<>|]+)(?:\|([^<>]*))?>/g, (_, url, label) => label || url);
