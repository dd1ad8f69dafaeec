// Turns a form into a place to write: Enter sends, / @ and # offer what they could mean.

import { h } from "./dom.js";

export class Composer {
  constructor(form, { send, offers, label, hint }) {
    this.send = send;
    this.offers = offers;
    this.sent = [];
    this.recalled = 0;
    this.chosen = 0;
    this.list = h("ul", { class: "offers", role: "listbox", id: `${form.id}-offers`, "aria-label": "Suggestions", hidden: true });
    this.input = h("textarea", {
      rows: 1,
      "aria-label": label,
      placeholder: label,
      autocomplete: "off",
      spellcheck: "true",
      "aria-controls": this.list.id,
      "aria-autocomplete": "list",
    });
    this.button = h("button", { type: "submit", class: "send", "aria-label": "Send", title: "Send (Enter)" }, "➤");
    form.append(this.list, h("div", { class: "write" }, this.input, this.button));
    form.append(h("p", { class: "hint", "aria-hidden": "true" }, hint));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.input.addEventListener("input", () => this.changed());
    this.input.addEventListener("keydown", (event) => this.pressed(event));
    this.input.addEventListener("blur", () => setTimeout(() => this.close(), 150));
    this.changed();
  }

  name(label) {
    this.input.placeholder = label;
    this.input.setAttribute("aria-label", label);
  }

  focus() {
    this.input.focus({ preventScroll: true });
  }

  async submit() {
    const text = this.input.value.trim();
    if (!text) return;
    this.sent.push(text);
    this.recalled = this.sent.length;
    this.put("");
    const problem = await this.send(text);
    if (problem && !this.input.value) this.put(text);
  }

  put(text) {
    this.input.value = text;
    this.changed();
  }

  changed() {
    this.input.style.height = "auto";
    const needed = Math.min(this.input.scrollHeight, 180);
    if (needed) this.input.style.height = `${needed}px`; // 0 while the pane is hidden
    this.button.disabled = !this.input.value.trim();
    this.offer();
  }

  offer() {
    const before = this.input.value.slice(0, this.input.selectionStart ?? 0);
    const word = /(?:^|\s)(\S*)$/.exec(before)[1];
    this.word = word;
    this.found = this.offers(word, before.length === word.length, this.input.value);
    this.chosen = 0;
    this.show();
  }

  show() {
    this.list.replaceChildren(
      ...this.found.map((offer, index) =>
        h(
          "li",
          { role: "option", "aria-selected": String(index === this.chosen), onmousedown: (event) => { event.preventDefault(); this.take(offer); } },
          h("strong", {}, offer.name),
          h("code", {}, offer.hint ?? ""),
          h("span", {}, offer.description ?? ""),
        ),
      ),
    );
    this.list.hidden = !this.found.length;
  }

  close() {
    this.found = [];
    this.show();
  }

  take(offer) {
    const end = this.input.selectionStart ?? this.input.value.length;
    const start = end - this.word.length;
    this.input.setRangeText(`${offer.insert} `, start, end, "end");
    this.changed();
    this.input.focus();
  }

  pressed(event) {
    if (event.isComposing) return;
    const offer = this.found[this.chosen];
    const isWritten = offer && offer.insert === this.word;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      if (offer && !isWritten && !offer.only_hint) this.take(offer);
      else this.submit();
    } else if (event.key === "Tab" && offer && !offer.only_hint) {
      event.preventDefault();
      this.take(offer);
    } else if (event.key === "Escape" && this.found.length) {
      event.stopPropagation();
      this.close();
    } else if (["ArrowUp", "ArrowDown"].includes(event.key) && this.found.length > 1) {
      event.preventDefault();
      const step = event.key === "ArrowUp" ? -1 : 1;
      this.chosen = (this.chosen + step + this.found.length) % this.found.length;
      this.show();
    } else if (event.key === "ArrowUp" && (!this.input.value || this.input.value === this.sent[this.recalled])) {
      this.recall(event);
    }
  }

  recall(event) {
    if (!this.sent.length) return;
    event.preventDefault();
    this.recalled = Math.max(0, this.recalled - 1);
    this.put(this.sent[this.recalled]);
    this.close();
  }
}
