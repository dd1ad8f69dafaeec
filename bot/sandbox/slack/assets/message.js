// Turns one message into a row of the list: who, when, what, and what one can do with it.

import { block } from "./blocks.js";
import { h } from "./dom.js";
import { emoji } from "./emoji.js";
import { mrkdwn } from "./mrkdwn.js";

const CLOSE_TOGETHER_S = 300;

export function clock(ts) {
  return new Date(Number(ts) * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

export function day(ts) {
  const date = new Date(Number(ts) * 1000);
  const today = new Date();
  const yesterday = new Date(today.getTime() - 86_400_000);
  if (date.toDateString() === today.toDateString()) return "Today";
  if (date.toDateString() === yesterday.toDateString()) return "Yesterday";
  return date.toLocaleDateString("en-GB", { weekday: "long", day: "numeric", month: "long" });
}

// Whether a message goes under its predecessor without its own face and name.
export const continues = (before, message) =>
  Boolean(before) &&
  before.user === message.user &&
  before.visible_to === message.visible_to &&
  !before.reply_count &&
  day(before.ts) === day(message.ts) &&
  Number(message.ts) - Number(before.ts) < CLOSE_TOGETHER_S;

export function row(message, store, actions, { compact = false, inThread = false } = {}) {
  const author = store.people.get(message.user);
  const classes = ["message", compact && "compact", message.visible_to && "ephemeral", message.is_deleted && "deleted"];
  return h(
    "li",
    { class: classes.filter(Boolean).join(" "), "data-ts": message.ts },
    message.visible_to && !compact && h("p", { class: "only-you" }, h("span", { "aria-hidden": "true" }, "👁 "), "Only visible to you"),
    compact ? h("time", { class: "gutter", title: fullTime(message.ts) }, clock(message.ts)) : avatar(author),
    h("div", { class: "said" }, compact ? null : byline(author, message), content(message, store, actions), inThread ? null : replies(message, store, actions)),
    inThread || message.is_deleted || message.visible_to ? null : tools(message, actions),
  );
}

const fullTime = (ts) => new Date(Number(ts) * 1000).toString();

function avatar(person) {
  const initials = (person?.real_name ?? "?").split(/\s+/).map((word) => word[0]).join("").slice(0, 2).toUpperCase();
  const shade = [...(person?.id ?? "")].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % 6;
  const shown = person?.is_bot ? (person.id === "USLACKBOT" ? "#" : "⚖") : initials;
  return h("span", { class: `avatar ${person?.is_bot ? "bot" : `shade-${shade}`}`, "aria-hidden": "true" }, shown);
}

function byline(person, message) {
  return h(
    "p",
    { class: "byline" },
    h("strong", { title: person?.title }, person?.real_name || message.user),
    person?.is_bot && h("span", { class: "app-badge" }, "APP"),
    h("time", { datetime: new Date(Number(message.ts) * 1000).toISOString(), title: fullTime(message.ts) }, clock(message.ts)),
  );
}

function content(message, store, actions) {
  const context = {
    names: store.names,
    press: (element, owner, option) => actions.press(message, element, owner, option),
  };
  const edited = message.edited && h("span", { class: "edited", title: `Edited at ${clock(message.edited.ts)}` }, " (edited)");
  const shown = message.blocks?.length
    ? message.blocks.map((it) => block(it, context))
    : [h("div", { class: "body" }, mrkdwn(message.text, store.names))];
  shown.push(...(message.files ?? []).map(file));
  const lastLine = shown.at(-1).lastElementChild;
  if (edited) (lastLine?.className === "text" ? lastLine : shown.at(-1)).append(edited);
  return h("div", { class: "content" }, shown, reactions(message, store));
}

// A picture is shown, from this server whatever name the app knows it by; anything else is offered.
function file(it) {
  const path = new URL(it.url_private).pathname;
  const title = h("figcaption", {}, it.title);
  if (!it.mimetype.startsWith("image/")) return h("figure", { class: "file" }, h("a", { href: path, download: it.name }, it.title));
  const picture = h("img", { src: path, alt: it.alt_txt || it.title, loading: "lazy" });
  return h("figure", { class: "file" }, title, h("a", { href: path, target: "_blank", rel: "noopener" }, picture));
}

function reactions(message, store) {
  if (!message.reactions?.length) return null;
  return h(
    "p",
    { class: "reactions" },
    message.reactions.map((r) => {
      const who = r.users.map((id) => store.people.get(id)?.name ?? id).join(", ");
      return h("span", { class: "reaction", title: `${who} reacted with :${r.name}:` }, `${emoji(r.name) ?? `:${r.name}:`} ${r.count}`);
    }),
  );
}

function replies(message, store, actions) {
  if (!message.reply_count) return null;
  const count = `${message.reply_count} ${message.reply_count === 1 ? "reply" : "replies"}`;
  return h(
    "button",
    { type: "button", class: "replies", onclick: () => actions.openThread(message) },
    message.reply_users.slice(0, 4).map((id) => avatar(store.people.get(id))),
    h("span", { class: "count" }, count),
    h("span", { class: "last" }, `Last reply ${day(message.latest_reply).toLowerCase()} at ${clock(message.latest_reply)}`),
  );
}

function tools(message, actions) {
  return h(
    "div",
    { class: "tools" },
    h("button", { type: "button", "aria-label": "Reply in thread", title: "Reply in thread", onclick: () => actions.openThread(message) }, "💬"),
  );
}
