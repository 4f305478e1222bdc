// The demo's failures: each mock provider is up, slow, down, or cuts its answers off. A real site has nothing like it.
import { get, post } from "./api.js";

const CHOICES = [
  ["up", "Up"],
  ["slow", "Slow"],
  ["down", "Down"],
  ["cut", "Cuts off"],
];

export class Providers {
  #url;
  #csrf;
  #note;
  #lights = new Map();

  constructor(url, csrf, note) {
    this.#url = url;
    this.#csrf = csrf;
    this.#note = note;
  }

  /** Show the controls. Raises Refusal when the providers cannot be asked. */
  async show(place, template) {
    const { providers } = await get(this.#url);
    place.replaceChildren(...providers.map((provider) => this.#fieldset(provider, template)));
  }

  #fieldset(provider, template) {
    const node = template.content.cloneNode(true).firstElementChild;
    node.dataset.state = provider.state;
    node.querySelector(".provider-name").textContent = provider.label;
    node.querySelector(".provider-serves").textContent = provider.serves;
    node.querySelector(".choices").append(...CHOICES.map((choice) => this.#choice(provider, choice)));
    this.#lights.set(provider.name, node);
    return node;
  }

  #choice(provider, [state, text]) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    Object.assign(input, { type: "radio", name: `provider-${provider.name}`, value: state, checked: provider.state === state });
    input.addEventListener("change", () => this.#set(provider, state));
    label.append(input, text);
    return label;
  }

  async #set(provider, state) {
    try {
      await post(this.#url, { name: provider.name, state }, this.#csrf);
      this.#lights.get(provider.name).dataset.state = state;
      this.#note.textContent = said(provider.label, state);
    } catch (problem) {
      this.#note.textContent = `${provider.label} was not changed: ${problem.message}`;
    }
  }
}

function said(label, state) {
  return {
    up: `${label} answers again.`,
    slow: `${label} now waits two seconds before it answers.`,
    down: `${label} now answers every request with an error. Ask something.`,
    cut: `${label} now breaks off in the middle of its answers. Ask something.`,
  }[state];
}
