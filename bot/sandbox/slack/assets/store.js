// Turns the server's state and its live events into what one person sees, and asks it to act.

export class Store {
  constructor(changed) {
    this.changed = changed;
    this.messages = new Map();
    this.people = new Map();
    this.channels = new Map();
    this.groups = new Map();
  }

  async open(me) {
    this.events?.close();
    const state = await (await fetch(`/control/state?as=${encodeURIComponent(me)}`)).json();
    if (!state.ok) throw new Error(state.error);
    this.me = [...state.people].find((p) => p.name === me || p.id === me);
    this.team = state.team.name;
    this.app = state.app;
    this.connections = state.connections;
    this.people = new Map(state.people.map((p) => [p.id, p]));
    this.channels = new Map(state.channels.map((c) => [c.id, c]));
    this.groups = new Map(state.groups.map((g) => [g.id, g.handle]));
    this.messages = new Map(state.messages.map((m) => [key(m), m]));
    this.modal = state.modal;
    this.follow(state.position);
    this.changed();
  }

  follow(position) {
    const query = new URLSearchParams({ as: this.me.id, after: position });
    this.events = new EventSource(`/page/events?${query}`);
    this.events.onmessage = (event) => this.apply(JSON.parse(event.data));
  }

  apply(change) {
    if (change.kind === "reload" || change.kind === "channel") return void this.open(this.me.id);
    if (change.kind === "modal") this.modal = change.modal;
    if (change.kind === "sockets") this.connections = change.connections;
    if (change.kind === "message") this.messages.set(key(change.message), change.message);
    if (change.kind === "deleted") this.messages.delete(key(change));
    this.changed();
  }

  get names() {
    return {
      me: this.me.id,
      person: (id) => this.people.get(id)?.name,
      channel: (id) => this.channels.get(id)?.name,
      group: (id) => this.groups.get(id),
    };
  }

  title(channel) {
    if (!channel.is_im) return channel.name;
    const other = channel.members.find((id) => id !== this.me.id);
    return this.people.get(other)?.real_name ?? other;
  }

  get(channel, ts) {
    return this.messages.get(`${channel}/${ts}`);
  }

  // What stands in the channel itself, oldest first.
  inChannel(channel) {
    return sorted([...this.messages.values()].filter((m) => m.channel === channel && !isReply(m)));
  }

  // A thread: its parent and its replies, oldest first.
  inThread(channel, ts) {
    const belongs = (m) => m.channel === channel && (m.ts === ts || (isReply(m) && m.thread_ts === ts));
    return sorted([...this.messages.values()].filter(belongs));
  }

  say(channel, text, thread_ts) {
    return post("say", { as: this.me.id, channel, text, thread_ts });
  }

  submit(values) {
    return post("submit", { as: this.me.id, values });
  }

  dismiss() {
    return post("dismiss", { as: this.me.id });
  }

  press(message, element, owner, option) {
    return post("click", {
      as: this.me.id,
      channel: message.channel,
      ts: message.ts,
      action_id: element.action_id,
      block_id: owner.block_id,
      option,
    });
  }
}

export const isReply = (m) => Boolean(m.thread_ts) && m.thread_ts !== m.ts;

const key = (m) => `${m.channel}/${m.ts}`;
const sorted = (messages) => messages.sort((one, other) => Number(one.ts) - Number(other.ts));

async function post(path, body) {
  try {
    const answer = await fetch(`/control/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return await answer.json();
  } catch (problem) {
    return { ok: false, error: `The pretend Slack does not answer (${problem.message}).`, is_gone: true };
  }
}
