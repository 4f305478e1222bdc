// What OpenAI's client for Node sees of a site: node openai.js BASE_URL chat|stream|tools|structured|error
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const [baseURL, what] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });
const messages = [{ role: "user", content: "hello there" }];
const weather = {
  type: "function",
  function: {
    name: "weather",
    parameters: {
      type: "object",
      properties: { town: { type: "string" }, days: { type: "integer" } },
      required: ["town", "days"],
    },
  },
};

const asks = {
  async chat() {
    const answer = await client.chat.completions.create({ model: "m", messages });
    return { text: answer.choices[0].message.content, finish: answer.choices[0].finish_reason, usage: answer.usage };
  },
  async stream() {
    const stream = await client.chat.completions.create({ model: "m", messages, stream: true });
    const words = [];
    for await (const chunk of stream) words.push(chunk.choices[0]?.delta?.content ?? "");
    return { words: words.filter(Boolean) };
  },
  async tools() {
    const stream = client.chat.completions.stream({ model: "m", messages, tools: [weather] });
    const first = await stream.finalChatCompletion();
    const message = first.choices[0].message;
    const told = { role: "tool", tool_call_id: message.tool_calls[0].id, content: "sunny" };
    const second = await client.chat.completions.create({
      model: "m",
      messages: [...messages, message, told],
      tools: [weather],
    });
    return {
      name: message.tool_calls[0].function.name,
      arguments: JSON.parse(message.tool_calls[0].function.arguments),
      text: second.choices[0].message.content,
    };
  },
  async structured() {
    const Trip = z.object({ town: z.string(), days: z.number().int() });
    const answer = await client.chat.completions.parse({
      model: "m",
      messages,
      response_format: zodResponseFormat(Trip, "trip"),
    });
    return answer.choices[0].message.parsed;
  },
  async error() {
    try {
      await client.chat.completions.create({ model: "no-such-model", messages });
    } catch (error) {
      return { kind: error.constructor.name, status: error.status };
    }
  },
};
console.log(JSON.stringify(await asks[what]()));
