// The chat page. It sends the conversation to /v1/chat/completions as any OpenAI client would, with the session's cookie.
import { ask, models, proof, Refusal, whoAmI } from "./api.js";
import { Answer } from "./answer.js";
import { Providers } from "./providers.js";

const at = (id) => document.getElementById(id);
const [log, scroll, question, picker, send, stop] = ["log", "scroll", "question", "model", "send", "stop"].map(at);

let me = null;
let history = []; // complete turns only: a broken answer is not sent back as if the model had said it
let running = null; // the AbortController of the answer that is arriving

// -- asking ----------------------------------------------------------------------------------------------------------

async function submit(text) {
  if (running || !text.trim()) return;
  const asked = { role: "user", content: text.trim() };
  showQuestion(asked.content);
  await answer(asked);
}

async function answer(asked) {
  const model = picker.value;
  const shown = new Answer(at("answer-template"), model);
  log.append(shown.node);
  let near = true; // somebody who has scrolled up to read is left there
  begin();
  follow(true);
  try {
    await ask({
      model,
      messages: [...history, asked],
      csrf: me?.csrf,
      signal: running.signal,
      on: {
        head: (facts) => shown.head(facts),
        text: (piece) => {
          near = atEnd();
          shown.add(piece);
          if (near) follow();
        },
        usage: (usage) => shown.usage(usage),
      },
    });
    shown.finish(explainFor(model));
    history = [...history, asked, { role: "assistant", content: shown.text }];
    announce(`Answer complete, ${shown.summary}`);
  } catch (problem) {
    settleFailure(shown, problem, asked, model);
  } finally {
    end();
    if (near) follow();
  }
}

function settleFailure(shown, problem, asked, model) {
  if (problem.name === "AbortError") {
    shown.stop(explainFor(model));
    announce("Stopped.");
    return;
  }
  if (!(problem instanceof Refusal)) console.error(problem);
  const refusal = problem instanceof Refusal ? problem : new Refusal(`This page could not show the answer: ${problem.message}`);
  if (refusal.status === 401) {
    location.assign(me?.login ?? "/login/"); // the session ended while the page was open
    return;
  }
  shown.fail(refusal, () => {
    if (running) return;
    shown.node.remove();
    answer(asked);
  });
}

// The same question to `llmgw explain`; the site says how this user is written there.
function explainFor(model) {
  return me?.explain ? me.explain.replace("{body}", JSON.stringify({ model }).replaceAll("'", "'\\''")) : null;
}

function showQuestion(text) {
  at("welcome").hidden = true;
  const node = at("question-template").content.cloneNode(true).firstElementChild;
  node.querySelector(".said").textContent = text;
  log.append(node);
}

// -- the state of the page -------------------------------------------------------------------------------------------

function begin() {
  running = new AbortController();
  stop.hidden = false;
  send.hidden = true;
}

function end() {
  running = null;
  stop.hidden = true;
  send.hidden = false;
}

const announce = (text) => { at("announce").textContent = text; };
const atEnd = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;

function follow(smooth = false) {
  requestAnimationFrame(() => scroll.scrollTo({ top: scroll.scrollHeight, behavior: smooth ? "smooth" : "instant" }));
}

function fit() {
  question.style.height = "auto";
  question.style.height = `${question.scrollHeight}px`;
}

// -- hands -----------------------------------------------------------------------------------------------------------

at("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  if (running) return;
  const text = question.value;
  question.value = "";
  fit();
  submit(text);
});

question.addEventListener("input", fit);
question.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return; // Enter also ends a composed word
  event.preventDefault();
  at("composer").requestSubmit();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") running?.abort();
});
stop.addEventListener("click", () => { running?.abort(); question.focus(); });

at("starters").addEventListener("click", (event) => {
  const starter = event.target.closest("button");
  if (starter) submit(starter.textContent);
});

at("fresh").addEventListener("click", () => {
  running?.abort();
  history = [];
  log.replaceChildren(at("welcome"));
  at("welcome").hidden = false;
  question.focus();
});

at("logout").addEventListener("click", async () => {
  await fetch(me.logout, { method: "POST", headers: proof(me.csrf) });
  location.assign(me.login);
});

// -- opening ---------------------------------------------------------------------------------------------------------

function showPerson() {
  at("person-name").textContent = me.name;
  at("person-tier").textContent = me.tier;
  at("person-tier").dataset.tier = me.tier;
  at("person").hidden = false;
  at("logout").hidden = !me.logout;
  at("admin-link").hidden = !me.staff;
  at("greeting").textContent = `Good to see you, ${me.name}.`;
}

async function showModels() {
  const names = await models();
  picker.replaceChildren(...names.map((name) => new Option(name, name)));
  picker.disabled = names.length === 0;
}

async function showProviders() {
  if (!me.providers) return;
  const providers = new Providers(me.providers, me.csrf, at("rail-note"));
  at("rail").hidden = false;
  at("rail").querySelector("details").open = matchMedia("(min-width: 64rem)").matches;
  await providers.show(at("providers"), at("provider-template")).catch((problem) => {
    at("rail-note").textContent = problem.message; // the chat itself does not need the switches
  });
}

async function open() {
  try {
    me = await whoAmI();
  } catch (problem) {
    if (problem.status === 401) return location.assign("/login/");
    throw problem;
  }
  showPerson();
  await Promise.all([showModels(), showProviders()]);
}

open().catch((problem) => { at("lead").textContent = `This page could not be opened: ${problem.message}`; });
question.focus();
