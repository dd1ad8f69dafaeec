// Turns Block Kit blocks into elements: https://docs.slack.dev/reference/block-kit/blocks/.
// `context` is { names, press(element, block, option) }; press returns a promise.

import { h } from "./dom.js";
import { emoji } from "./emoji.js";
import { markdown } from "./markdown.js";
import { link, mrkdwn, plain } from "./mrkdwn.js";

export function block(it, context) {
  const make = MAKERS[it.type];
  const inside = make ? make(it, context) : h("p", { class: "unknown" }, `[${it.type} block]`);
  return h("div", { class: `block block-${it.type}` }, inside);
}

const MAKERS = {
  header: (it) => h("h3", {}, plain(it.text.text)),
  divider: () => h("hr"),
  section,
  context: (it, context) => h("div", { class: "context" }, it.elements.map((e) => contextElement(e, context))),
  actions: (it, context) => h("div", { class: "actions" }, it.elements.map((e) => element(e, it, context))),
  image: (it) => image(it),
  markdown: (it, context) => h("div", { class: "markdown" }, markdown(it.text, context.names)),
  table: (it, context) => table(it, context),
  rich_text: (it, context) => it.elements.map((e) => richPart(e, context)),
  plan: (it, context) => [h("h3", {}, it.title), ...(it.tasks ?? []).map((task) => MAKERS.task_card(task, context))],
  task_card: taskCard,
};

function text(object, context) {
  if (!object) return [];
  return object.type === "mrkdwn"
    ? mrkdwn(object.text, context.names)
    : [h("div", { class: "text" }, plain(object.text))];
}

function section(it, context) {
  const words = h("div", { class: "section-words" }, text(it.text, context));
  if (it.fields) words.append(h("div", { class: "fields" }, it.fields.map((f) => h("div", { class: "field" }, text(f, context)))));
  const accessory = it.accessory && h("div", { class: "accessory" }, element(it.accessory, it, context));
  return h("div", { class: "section" }, words, accessory);
}

const contextElement = (it, context) =>
  it.type === "image" ? image(it) : h("span", { class: "context-text" }, text(it, context));

// The page loads nothing from elsewhere: an image is shown by its words.
function image(it) {
  const title = it.title ? plain(it.title.text) : "";
  return h("span", { class: "image", role: "img", "aria-label": it.alt_text }, "🖼 ", title || it.alt_text);
}

function element(it, owner, context) {
  if (it.type === "button") return button(it, owner, context);
  if (it.type === "image") return image(it);
  if (it.options || it.option_groups) return select(it, owner, context);
  return h("span", { class: "unknown" }, `[${it.type}]`);
}

function button(it, owner, context) {
  const made = h(
    "button",
    { type: "button", class: `button ${it.style ?? ""}`, "aria-label": it.accessibility_label, "data-action": it.action_id },
    plain(it.text.text),
  );
  made.addEventListener("click", async () => {
    if (made.getAttribute("aria-busy")) return;
    made.setAttribute("aria-busy", "true");
    if (it.url && /^https?:/.test(it.url)) window.open(it.url, "_blank", "noopener");
    await context.press(it, owner);
    made.removeAttribute("aria-busy");
  });
  return made;
}

function select(it, owner, context) {
  const options = it.options ?? it.option_groups.flatMap((group) => group.options);
  const placeholder = it.placeholder ? plain(it.placeholder.text) : "⋯";
  const made = h(
    "select",
    { class: "button", "aria-label": placeholder },
    h("option", { value: "" }, placeholder),
    options.map((o) => h("option", { value: o.value, selected: it.initial_option?.value === o.value }, plain(o.text.text))),
  );
  made.addEventListener("change", () => made.value && context.press(it, owner, made.value));
  return made;
}

function table(it, context) {
  const settings = it.column_settings ?? [];
  const row = (cells, tag) =>
    h("tr", {}, cells.map((cell, at) => h(tag, { class: cellClass(settings[at]) }, tableCell(cell, context))));
  const [head, ...body] = it.rows;
  return h("div", { class: "table-box" }, h("table", {}, h("thead", {}, row(head, "th")), h("tbody", {}, body.map((cells) => row(cells, "td")))));
}

const cellClass = (setting) => `align-${setting?.align ?? "left"}${setting?.is_wrapped ? " wrapped" : ""}`;

function tableCell(cell, context) {
  if (cell.type === "rich_text") return cell.elements.map((e) => richPart(e, context));
  return plain(String(cell.text ?? cell.value ?? ""));
}

function taskCard(it, context) {
  const marks = { pending: "○", in_progress: "◐", complete: "●", error: "✕" };
  return h(
    "div",
    { class: `task task-${it.status}` },
    h("span", { class: "task-mark", "aria-label": it.status }, marks[it.status] ?? "○"),
    h("div", {}, h("div", {}, plain(it.title ?? "")), ["details", "output"].map((key) => it[key] && h("div", { class: "task-note" }, block(it[key], context)))),
  );
}

function richPart(it, context) {
  const inside = () => (it.elements ?? []).map((e) => rich(e, context));
  if (it.type === "rich_text_preformatted") return h("pre", {}, inside());
  if (it.type === "rich_text_quote") return h("blockquote", {}, inside());
  if (it.type === "rich_text_list")
    return h(it.style === "ordered" ? "ol" : "ul", {}, it.elements.map((e) => h("li", {}, richPart(e, context))));
  return h("div", { class: "text" }, inside());
}

function rich(it, { names }) {
  const mention = (name) => h("span", { class: it.user_id === names.me ? "mention mine" : "mention" }, name);
  switch (it.type) {
    case "text": return styled(it.text, it.style ?? {});
    case "link": return link(it.url, it.text || it.url);
    case "user": return mention(`@${names.person(it.user_id) ?? it.user_id}`);
    case "channel": return mention(`#${names.channel(it.channel_id) ?? it.channel_id}`);
    case "usergroup": return mention(`@${names.group(it.usergroup_id) ?? it.usergroup_id}`);
    case "broadcast": return mention(`@${it.range}`);
    case "emoji": return emoji(it.name) ?? `:${it.name}:`;
    case "date": return h("time", {}, it.fallback ?? new Date(it.timestamp * 1000).toLocaleString("en-GB"));
    default: return "";
  }
}

function styled(words, style) {
  let made = document.createTextNode(words);
  for (const [name, tag] of [["code", "code"], ["bold", "strong"], ["italic", "em"], ["strike", "s"]])
    if (style[name]) made = h(tag, {}, made);
  return made;
}
