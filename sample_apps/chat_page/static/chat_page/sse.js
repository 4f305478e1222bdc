// Server-sent events out of bytes, however they were cut: the part of the EventSource specification that a POST needs.

/** Collects text and hands out the data of each event that is complete. */
export class EventDecoder {
  #rest = "";
  #data = [];
  #first = true;

  /** Take text; return the data of the events it completes. `last`: nothing follows. */
  feed(text, last = false) {
    if (this.#first && text !== "") {
      this.#first = false;
      if (text.startsWith("\uFEFF")) text = text.slice(1);
    }
    this.#rest += text;
    const events = [];
    for (let line = this.#line(last); line !== null; line = this.#line(last)) {
      const data = this.#take(line);
      if (data !== null) events.push(data);
    }
    return events;
  }

  // A line ends with LF, CR or CRLF. A CR that stands last may be half of a CRLF: it waits for what comes next.
  #line(last) {
    const end = this.#rest.search(/[\r\n]/);
    if (end < 0 || (!last && this.#rest[end] === "\r" && end === this.#rest.length - 1)) return null;
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + (this.#rest.startsWith("\r\n", end) ? 2 : 1));
    return line;
  }

  #take(line) {
    if (line === "") {
      const data = this.#data.length ? this.#data.join("\n") : null;
      this.#data = [];
      return data;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    if (field === "data") this.#data.push(colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, ""));
    return null; // comments (an empty field name), ids and event names say nothing to this page
  }
}

/** Yield the data of each event of a response body as it arrives. An event cut off by the end is dropped. */
export async function* events(body) {
  const reader = body.getReader();
  const text = new TextDecoder();
  const decoder = new EventDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      yield* done ? decoder.feed(text.decode(), true) : decoder.feed(text.decode(value, { stream: true }));
      if (done) return;
    }
  } finally {
    reader.cancel().catch(() => {}); // leaving early hangs up, and the gateway stops the upstream
  }
}
