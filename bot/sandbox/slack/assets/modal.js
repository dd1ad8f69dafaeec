// Turns the modal a person has open into a dialog with its form, and what is entered there into
// the values that are submitted: https://docs.slack.dev/surfaces/modals.

import { block } from "./blocks.js";
import { byId, h } from "./dom.js";
import { plain } from "./mrkdwn.js";

export class Modal {
  // `submit(values)` and `dismiss()` return promises of the server's answer.
  constructor(dialog, { submit, dismiss }) {
    this.dialog = dialog;
    this.submit = submit;
    this.dismiss = dismiss;
    this.fields = new Map();
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.leave();
    });
  }

  // Shows what is open. The form is made anew only when its content is another: what has been
  // typed stays, and stays in the fields that the new content has too.
  show(modal, names) {
    if (!modal) {
      this.shown = null;
      this.fields.clear();
      if (this.dialog.open) this.dialog.close();
      return;
    }
    const isAnother = this.shown !== `${modal.id} ${modal.hash}`;
    if (isAnother) this.draw(modal, names);
    this.tell(modal);
    if (!this.dialog.open) this.dialog.showModal();
    if (isAnother) [...this.fields.values()][0]?.focus(); // nothing in a closed dialog takes it
  }

  draw(modal, names) {
    const typed = this.shown?.startsWith(modal.id) ? this.values() : {};
    this.shown = `${modal.id} ${modal.hash}`;
    this.fields = new Map();
    const context = { names, press: async () => {} };
    const parts = modal.blocks.map((it) => (it.type === "input" ? this.input(it, typed) : block(it, context)));
    this.trouble = h("p", { class: "modal-trouble", role: "alert" });
    this.sender = modal.submit && h("button", { class: "button filled primary", type: "submit" }, plain(modal.submit.text));
    const leave = () => this.leave();
    this.dialog.replaceChildren(
      h(
        "form",
        { method: "dialog", novalidate: true, onsubmit: (event) => this.send(event) },
        h(
          "header",
          {},
          h("h2", { id: "modal-title" }, plain(modal.title.text)),
          h("button", { class: "close", type: "button", "aria-label": "Close", onclick: leave }, "✕"),
        ),
        h("div", { class: "modal-body content", tabindex: "0" }, parts, this.trouble),
        h(
          "footer",
          {},
          h("button", { class: "button", type: "button", onclick: leave }, plain(modal.close?.text ?? "Cancel")),
          this.sender,
        ),
      ),
    );
  }

  tell(modal) {
    this.trouble.textContent = modal.trouble;
    for (const [id, field] of this.fields) {
      const words = modal.errors[id] ?? "";
      field.error.textContent = words;
      field.box.classList.toggle("wrong", Boolean(words));
    }
    const first = Object.keys(modal.errors)[0];
    this.fields.get(first)?.box.scrollIntoView({ block: "nearest" });
  }

  input(it, typed) {
    const id = `field-${it.block_id}`;
    const field = FIELDS[it.element.type]?.(it.element, id, typed[it.block_id]) ?? unknown(it.element);
    const error = h("p", { class: "modal-error", role: "alert", id: `${id}-error` });
    const optional = it.optional ? h("span", { class: "optional" }, " (optional)") : null;
    const hint = it.hint && h("p", { class: "modal-hint" }, plain(it.hint.text));
    const box = h("div", { class: "modal-field" }, h("label", { for: id }, plain(it.label.text), optional), field.made, error, hint);
    this.fields.set(it.block_id, { ...field, box, error });
    return box;
  }

  values() {
    const given = [...this.fields].map(([id, field]) => [id, field.value()]);
    return Object.fromEntries(given.filter(([, value]) => value !== undefined));
  }

  async send(event) {
    event.preventDefault();
    if (!this.sender || this.sender.disabled) return;
    this.sender.disabled = true;
    const sender = this.sender;
    await this.submit(this.values());
    sender.disabled = false;
  }

  async leave() {
    await this.dismiss();
    byId("composer").querySelector("textarea")?.focus();
  }
}

const FIELDS = { plain_text_input: text, checkboxes, static_select: select };

function text(it, id, typed) {
  const value = typed ?? it.initial_value ?? "";
  const settings = { id, maxlength: it.max_length, placeholder: it.placeholder?.text, "aria-describedby": `${id}-error` };
  const made = it.multiline ? h("textarea", { ...settings, rows: 14, spellcheck: "false" }) : h("input", { ...settings, type: "text" });
  made.value = value;
  return { made, value: () => made.value, focus: () => made.focus() };
}

function checkboxes(it, id, typed) {
  const on = typed ?? (it.initial_options ?? []).map((option) => option.value);
  const boxes = it.options.map((option, at) =>
    h("input", { type: "checkbox", id: at ? `${id}-${at}` : id, value: option.value, checked: on.includes(option.value) }),
  );
  const rows = it.options.map((option, at) =>
    h(
      "label",
      { class: "choice" },
      boxes[at],
      h("span", {}, plain(option.text.text), option.description ? h("small", {}, plain(option.description.text)) : null),
    ),
  );
  const value = () => boxes.filter((box) => box.checked).map((box) => box.value);
  return { made: h("div", { role: "group" }, rows), value, focus: () => boxes[0].focus() };
}

function select(it, id, typed) {
  const chosen = typed ?? it.initial_option?.value;
  const options = it.options.map((option) =>
    h("option", { value: option.value, selected: option.value === chosen }, plain(option.text.text)),
  );
  const made = h("select", { id, class: "button" }, h("option", { value: "" }, it.placeholder?.text ?? ""), options);
  return { made, value: () => made.value || undefined, focus: () => made.focus() };
}

function unknown(it) {
  return { made: h("p", { class: "unknown" }, `[${it.type}]`), value: () => undefined, focus: () => {} };
}
