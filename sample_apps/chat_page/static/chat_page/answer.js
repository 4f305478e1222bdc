// One answer on the page: text while it arrives, then the badge, the reasons, or the error.
import { prose } from "./prose.js";

const LABELS = {
  route: "Rule",
  backend: "Backend",
  model: "Model",
  variant: "Side",
  attempts: "Attempts",
  "overhead-ms": "Gateway’s own time",
};
const OPEN = new Set(["served", "pending"]); // a stream's headers are sent while its attempt is still under way
const ORDER = Object.keys(LABELS);
const APART = new Set(["decision", "request-id"]); // shown as steps, and in the last row

export class Answer {
  #node;
  #text = "";
  #asked;
  #started = performance.now();
  #firstText = null;
  #drawn = true;
  #facts = {};
  #usage = null;

  constructor(template, asked) {
    this.#node = template.content.cloneNode(true).firstElementChild;
    this.#asked = asked;
    const why = this.#part(".why");
    why.addEventListener("toggle", () => why.open && why.scrollIntoView({ block: "nearest", behavior: "smooth" }));
  }

  get node() {
    return this.#node;
  }

  get text() {
    return this.#text;
  }

  head(facts) {
    this.#facts = facts;
  }

  usage(usage) {
    this.#usage = usage;
  }

  add(piece) {
    this.#firstText ??= performance.now() - this.#started;
    this.#text += piece;
    this.#part(".waiting").hidden = true;
    if (this.#drawn) {
      this.#drawn = false;
      requestAnimationFrame(() => this.#draw());
    }
  }

  /** The answer is complete. */
  finish(explain) {
    this.#settle("done");
    this.#badge();
    this.#why(explain);
  }

  /** The reader stopped it. */
  stop(explain) {
    this.#settle("stopped");
    this.#part(".stopped").hidden = false;
    if (!this.#facts.route) return; // stopped before anything came
    this.#badge();
    this.#why(explain);
  }

  /** It failed, before or in the middle. `again` is called when the reader wants another try. */
  fail(refusal, again) {
    this.#facts = { ...this.#facts, ...refusal.facts };
    this.#settle("failed");
    const trouble = this.#part(".trouble");
    trouble.hidden = false;
    trouble.setAttribute("role", "alert");
    this.#part(".trouble-title").textContent = this.#text ? "The answer broke off" : "No answer this time";
    this.#part(".trouble-text").textContent = refusal.message;
    this.#part(".trouble-facts").textContent = [
      refusal.status && `Status ${refusal.status}`,
      refusal.code,
      this.#facts["request-id"] && `request ${this.#facts["request-id"]}`,
    ].filter(Boolean).join(" · ");
    this.#part(".again").addEventListener("click", again);
    if (this.#facts.route) {
      this.#badge();
      this.#why(null);
    }
  }

  /** What a person who cannot see the badge is told. */
  get summary() {
    return this.#part(".badge").textContent;
  }

  #settle(state) {
    this.#draw();
    this.#node.dataset.state = state;
    this.#node.removeAttribute("aria-busy");
    this.#part(".waiting").hidden = true;
  }

  #draw() {
    this.#drawn = true;
    this.#part(".prose").replaceChildren(...prose(this.#text));
  }

  #badge() {
    const { model, backend, attempts, variant } = this.#facts;
    const total = Math.round(performance.now() - this.#started);
    const served = this.#node.dataset.state !== "failed";
    const parts = [
      ...(served && model ? [strong(model)] : []),
      ...(backend ? [part("backend", backend)] : []),
      ...(variant && variant !== backend ? [part("variant", variant)] : []),
      ...(attempts ? [part(Number(attempts) > 1 ? "attempts many" : "attempts", count(attempts, "attempt"))] : []),
      part("time", duration(total)),
    ];
    const badge = this.#part(".badge");
    badge.replaceChildren(served ? "served by " : "came from ", ...between(parts, " ·\u00a0"));
    if (!served && !this.#text) badge.firstChild.textContent = "last tried ";
    this.#part(".served").hidden = false;
  }

  #why(explain) {
    this.#part(".why-text").replaceChildren(...this.#story());
    this.#part(".steps").replaceChildren(...steps(this.#facts.decision, this.#node.dataset.state === "failed"));
    this.#part(".why dl").replaceChildren(...this.#rows().flatMap(([term, value]) => row(term, value)));
    if (explain) {
      this.#part(".explain code").textContent = explain;
      this.#part(".explain").hidden = false;
      this.#part(".copy").addEventListener("click", (event) => copy(event.currentTarget, explain));
    }
  }

  #story() {
    const { route, backend, model, attempts } = this.#facts;
    const story = ["The rule ", strong(route ?? "?"), " was the first whose conditions held."];
    if (this.#node.dataset.state === "failed") return story; // the steps below say what became of it
    if (backend) story.push(" It led to ", strong(backend), Number(attempts) > 1 ? " after another backend failed." : ".");
    if (model && model !== this.#asked) story.push(" You asked for ", strong(this.#asked), "; this backend serves ", strong(model), ".");
    return story;
  }

  #rows() {
    const named = ORDER.filter((name) => name in this.#facts).map((name) => [LABELS[name], value(name, this.#facts[name])]);
    const others = Object.keys(this.#facts).filter((name) => !APART.has(name) && !ORDER.includes(name)).map((name) => [name, this.#facts[name]]);
    const timed = this.#firstText === null ? [] : [["First text after", duration(Math.round(this.#firstText))]];
    const tokens = this.#usage ? [["Tokens", `${this.#usage.prompt_tokens} in, ${this.#usage.completion_tokens} out`]] : [];
    const request = this.#facts["request-id"] ? [["Request", this.#facts["request-id"]]] : [];
    return [["Asked for", this.#asked], ...named, ...others, ...timed, ...tokens, ...request];
  }

  #part(selector) {
    return this.#node.querySelector(selector);
  }
}

// The decision header is one line: the rule, then each attempt as "backend: how it ended", joined by " > ". It is sent when
// the answer begins: of an attempt that breaks off later it still says "served".
function steps(decision, failed) {
  const parts = (decision ?? "").split(" > ").filter(Boolean);
  return parts.map((text, index) => {
    const [, name, told] = /^(.*?)(?:: ([a-z_]+))?$/.exec(text);
    const outcome = failed && told === "served" && index === parts.length - 1 ? "broke off" : told;
    const node = document.createElement("li");
    node.append(name);
    if (outcome) {
      node.dataset.outcome = OPEN.has(outcome) ? "served" : "failed";
      node.append(small(outcome.replaceAll("_", " ")));
    }
    return node;
  });
}

function small(text) {
  const node = document.createElement("small");
  node.textContent = text;
  return node;
}

const value = (name, text) => (name === "overhead-ms" ? `${Number(text)} ms` : text);
const count = (number, noun) => `${number} ${noun}${Number(number) === 1 ? "" : "s"}`;
const duration = (ms) => (ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`);
const between = (parts, mark) => parts.flatMap((each, index) => (index ? [mark, each] : [each]));

function strong(text) {
  const node = document.createElement("strong");
  node.textContent = text;
  return node;
}

function part(className, text) {
  const node = document.createElement("span");
  node.className = className;
  node.textContent = text;
  return node;
}

function row(term, text) {
  const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
  dt.textContent = term;
  dd.textContent = text;
  return [dt, dd];
}

async function copy(button, text) {
  await navigator.clipboard.writeText(text);
  button.textContent = "Copied";
}
