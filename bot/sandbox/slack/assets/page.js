// Turns the store into the page: sidebar, channel, thread, who one acts as, and where one is.

import { Composer } from "./composer.js";
import { arrange, byId, h } from "./dom.js";
import { continues, day, row } from "./message.js";
import { Modal } from "./modal.js";
import { mrkdwn, plain } from "./mrkdwn.js";
import { isReply, Store } from "./store.js";

const store = new Store(() => schedule());
const place = { channel: null, thread: null, highlight: null };
const rows = new Map();
const readUpTo = { line: null, for: null };
let scheduled = false;

const actions = {
  openThread: (message) => goTo(message.channel, isReply(message) ? message.thread_ts : message.ts),
  press,
};

const composer = new Composer(byId("composer"), {
  label: "Message",
  hint: "Enter sends · Shift+Enter breaks the line · / for commands",
  send: (text) => send(text),
  offers,
});
const threadComposer = new Composer(byId("thread-composer"), {
  label: "Reply…",
  hint: "Enter sends · no commands in threads",
  send: (text) => send(text, place.thread),
  offers: (word, isFirst, all) => (word.startsWith("/") ? [] : offers(word, isFirst, all)),
});

const modal = new Modal(byId("modal"), {
  submit: (values) => store.submit(values).then(unlessGone),
  dismiss: () => store.dismiss().then(unlessGone),
});

start();

async function start() {
  byId("person").addEventListener("change", (event) => actAs(event.target.value));
  byId("thread-close").addEventListener("click", () => goTo(place.channel));
  byId("menu").addEventListener("click", () => toggleMenu());
  byId("channel-pane").addEventListener("click", () => toggleMenu(false));
  addEventListener("hashchange", () => followHash());
  addEventListener("focus", () => schedule());
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || byId("confirm").open || byId("modal").open) return;
    if (document.body.classList.contains("menu-open")) toggleMenu(false);
    else if (place.thread) goTo(place.channel);
  });
  const first = await fetch("/control/state").then((answer) => answer.json());
  const able = first.people.filter((p) => p.can_act);
  byId("person").replaceChildren(
    ...able.map((p) => h("option", { value: p.name }, p.title ? `${p.real_name} · ${p.title}` : p.real_name)),
  );
  const asked = new URLSearchParams(location.search).get("as") ?? remembered("person");
  await actAs(able.some((p) => p.name === asked) ? asked : able[0].name);
}

async function actAs(name) {
  byId("person").value = name;
  remember("person", name);
  history.replaceState(null, "", `?as=${encodeURIComponent(name)}${location.hash}`);
  rows.clear();
  await store.open(name);
  followHash();
  composer.focus();
}

// #C123 is a channel, #C123/thread/1.2 a thread of it, #C123/1.2 a message of it.
function followHash() {
  const [channel, second, third] = decodeURIComponent(location.hash.slice(1)).split("/");
  place.channel = store.channels.has(channel) ? channel : [...store.channels.keys()][0];
  place.thread = second === "thread" ? third : null;
  place.highlight = second && second !== "thread" ? second : null;
  const pointedAt = place.highlight && store.get(place.channel, place.highlight);
  if (pointedAt && (isReply(pointedAt) || pointedAt.reply_count)) place.thread = pointedAt.thread_ts;
  readUpTo.for = null;
  byId("scroll").dataset.stuck = "true";
  byId("thread-scroll").dataset.stuck = "true";
  toggleMenu(false);
  render();
  if (place.highlight) point(place.highlight);
}

function goTo(channel, thread) {
  location.hash = thread ? `${channel}/thread/${thread}` : channel;
  (thread ? threadComposer : composer).focus();
}

function point(ts) {
  for (const element of document.querySelectorAll(".message"))
    if (element.dataset.ts === ts) {
      element.classList.add("pointed-at");
      element.scrollIntoView({ block: "center" });
    }
}

function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    render();
  });
}

function render() {
  if (!store.me || !place.channel) return;
  const channel = store.channels.get(place.channel);
  document.title = `${unreadTotal() ? `(${unreadTotal()}) ` : ""}${store.title(channel)} · ${store.team}, pretended`;
  byId("team").textContent = store.team;
  const mark = channel.is_im ? "" : "# ";
  byId("channel-name").textContent = mark + store.title(channel);
  byId("channel-topic").textContent = channel.topic;
  composer.name(`Message ${mark.trim()}${store.title(channel)}`);
  showSockets();
  showMessages();
  showThread();
  showSidebar();
  modal.show(store.modal, store.names);
}

function showSockets() {
  const count = store.connections;
  const bot = store.people.get(store.app.user).name;
  byId("sockets").textContent = count ? `${bot} is connected${count > 1 ? ` ×${count}` : ""}` : `${bot} is not connected`;
  byId("sockets").classList.toggle("off", !count);
}

function showSidebar() {
  const item = (channel) => {
    const unread = channel.id === place.channel ? 0 : unreadIn(channel.id);
    return h(
      "li",
      {},
      h(
        "a",
        { href: `#${channel.id}`, class: unread ? "unread" : "", "aria-current": channel.id === place.channel ? "page" : null },
        h("span", { class: "hash", "aria-hidden": "true" }, channel.is_im ? "●" : "#"),
        h("span", { class: "label" }, store.title(channel)),
        unread ? h("span", { class: "badge", "aria-label": `${unread} unread` }, String(unread)) : null,
      ),
    );
  };
  const all = [...store.channels.values()];
  byId("channels").replaceChildren(...all.filter((c) => !c.is_im).map(item));
  byId("directs").replaceChildren(...all.filter((c) => c.is_im).map(item));
  byId("directs-title").hidden = !all.some((c) => c.is_im);
}

function showMessages() {
  const messages = store.inChannel(place.channel);
  drawUnreadLine(messages);
  const wanted = [];
  let before = null;
  for (const message of messages) {
    if (!before || day(before.ts) !== day(message.ts)) wanted.push(divider(`day ${day(message.ts)}`, "day", day(message.ts)));
    if (readUpTo.line === message.ts) wanted.push(divider("new", "new-line", "New"));
    const options = { compact: readUpTo.line !== message.ts && continues(before, message) };
    wanted.push(drawn("channel", message, options));
    before = message;
  }
  if (!messages.length) wanted.push(divider("empty", "empty", "Nothing has been said here yet. Type / to see what the bot can do."));
  stick(byId("scroll"), () => arrange(byId("messages"), wanted));
  if (document.visibilityState === "visible" && messages.length) remember(readKey(place.channel), messages.at(-1).ts);
}

function showThread() {
  const messages = place.thread ? store.inThread(place.channel, place.thread) : [];
  byId("thread").hidden = !messages.length;
  byId("columns").classList.toggle("with-thread", messages.length > 0);
  if (!messages.length) return;
  byId("thread-channel").textContent = `# ${store.title(store.channels.get(place.channel))}`;
  const [parent, ...replies] = messages;
  const wanted = [drawn("thread", parent, { inThread: true })];
  const count = `${replies.length} ${replies.length === 1 ? "reply" : "replies"}`;
  if (replies.length) wanted.push(divider(`count ${count}`, "day", count));
  replies.forEach((reply, index) => {
    const compact = index > 0 && continues(replies[index - 1], reply);
    wanted.push(drawn("thread", reply, { inThread: true, compact }));
  });
  stick(byId("thread-scroll"), () => arrange(byId("thread-messages"), wanted));
}

// A row is made anew only when its message changed: buttons keep focus while others arrive.
function drawn(where, message, options) {
  const key = `${where}/${message.channel}/${message.ts}`;
  const version = [message.number, message.reply_count, message.latest_reply, day(message.ts), JSON.stringify(options)].join("|");
  const known = rows.get(key);
  if (known?.version === version) return known.element;
  const element = row(message, store, actions, options);
  rows.set(key, { version, element });
  return element;
}

function divider(key, style, words) {
  const known = rows.get(`divider/${style}/${key}`);
  if (known) return known;
  const element = h("li", { class: `divider ${style}` }, h("span", {}, words));
  rows.set(`divider/${style}/${key}`, element);
  return element;
}

// Stays at the bottom when it was there, and where it was otherwise.
function stick(box, change) {
  const wasAtEnd = box.dataset.stuck === "true" || box.scrollHeight - box.scrollTop - box.clientHeight < 80;
  box.dataset.stuck = "false";
  change();
  if (wasAtEnd) box.scrollTop = box.scrollHeight;
}

function drawUnreadLine(messages) {
  if (readUpTo.for === place.channel) return;
  readUpTo.for = place.channel;
  const read = remembered(readKey(place.channel));
  const unread = read ? messages.find((m) => Number(m.ts) > Number(read) && m.user !== store.me.id) : null;
  readUpTo.line = unread?.ts ?? null;
}

const readKey = (channel) => `read ${store.me.id} ${channel}`;
const unreadIn = (channel) => {
  const read = Number(remembered(readKey(channel)) ?? 0);
  return store.inChannel(channel).filter((m) => Number(m.ts) > read && m.user !== store.me.id).length;
};
const unreadTotal = () =>
  [...store.channels.keys()].filter((id) => id !== place.channel).reduce((sum, id) => sum + unreadIn(id), 0);

function offers(word, isFirst, all) {
  if (isFirst && word.startsWith("/"))
    return store.app.commands
      .filter((c) => c.name.startsWith(word))
      .map((c) => ({ name: c.name, hint: c.usage_hint, description: c.description, insert: c.name }));
  const command = store.app?.commands.find((c) => all === `${c.name} `);
  if (command) return [{ name: command.name, hint: command.usage_hint, description: command.description, only_hint: true }];
  if (/^@/.test(word))
    return [...store.people.values()]
      .filter((p) => p.id !== "USLACKBOT" && p.name.startsWith(word.slice(1).toLowerCase()))
      .map((p) => ({ name: `@${p.name}`, description: p.real_name, insert: `@${p.name}` }));
  if (/^#/.test(word))
    return [...store.channels.values()]
      .filter((c) => !c.is_im && c.name.startsWith(word.slice(1).toLowerCase()))
      .map((c) => ({ name: `#${c.name}`, description: c.topic, insert: `#${c.name}` }));
  return [];
}

async function send(text, thread) {
  byId(thread ? "thread-scroll" : "scroll").dataset.stuck = "true";
  return Boolean(unlessGone(await store.say(place.channel, text, thread ?? undefined)).is_gone);
}

function unlessGone(answer) {
  if (answer.is_gone) toast(answer.error);
  return answer;
}

async function press(message, element, owner, option) {
  if (element.confirm && !(await confirmed(element.confirm))) return;
  const answer = await store.press(message, element, owner, option);
  if (!answer.ok) toast(answer.error);
}

function confirmed(it) {
  const dialog = byId("confirm");
  byId("confirm-title").textContent = plain(it.title?.text ?? "Are you sure?");
  const text = it.text?.type === "plain_text" ? [h("p", {}, plain(it.text.text))] : mrkdwn(it.text?.text ?? "", store.names);
  byId("confirm-text").replaceChildren(...text);
  byId("confirm-yes").textContent = plain(it.confirm?.text ?? "Yes");
  byId("confirm-yes").className = `button filled ${it.style ?? "primary"}`;
  byId("confirm-deny").textContent = plain(it.deny?.text ?? "Cancel");
  return new Promise((resolve) => {
    byId("confirm-yes").onclick = () => dialog.close("yes");
    byId("confirm-deny").onclick = () => dialog.close("no");
    dialog.onclose = () => resolve(dialog.returnValue === "yes");
    dialog.returnValue = "";
    dialog.showModal();
    byId("confirm-yes").focus();
  });
}

function toast(words) {
  byId("toast").textContent = words;
  byId("toast").hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => (byId("toast").hidden = true), 5000);
}

function toggleMenu(open = !document.body.classList.contains("menu-open")) {
  document.body.classList.toggle("menu-open", open);
  byId("menu").setAttribute("aria-expanded", String(open));
}

// One tab is one person: the tab's own memory goes before the browser's.
function remember(key, value) {
  (key === "person" ? sessionStorage : localStorage).setItem(`slack ${key}`, value);
}

function remembered(key) {
  return (key === "person" ? sessionStorage : localStorage).getItem(`slack ${key}`);
}
