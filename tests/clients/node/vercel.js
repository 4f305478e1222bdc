// What Vercel's AI SDK sees of a site: node vercel.js BASE_URL chat|stream|tools|structured
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const [baseURL, what] = process.argv.slice(2);
const provider = createOpenAICompatible({
  name: "site",
  baseURL,
  apiKey: "none",
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const model = provider("m");
const prompt = "hello there";
const weather = tool({
  description: "Tells the weather.",
  inputSchema: z.object({ town: z.string(), days: z.number().int() }),
  execute: async ({ town, days }) => `${days} days of sun in ${town}`,
});

const asks = {
  async chat() {
    const answer = await generateText({ model, prompt, maxRetries: 0 });
    const { inputTokens, outputTokens } = answer.usage;
    return { text: answer.text, finish: answer.finishReason, usage: [inputTokens, outputTokens] };
  },
  async stream() {
    const answer = streamText({ model, prompt, maxRetries: 0 });
    const words = [];
    for await (const word of answer.textStream) words.push(word);
    const { inputTokens, outputTokens } = await answer.usage;
    return { words: words.filter(Boolean), usage: [inputTokens, outputTokens] };
  },
  async tools() {
    const answer = streamText({ model, prompt, tools: { weather }, stopWhen: stepCountIs(3), maxRetries: 0 });
    return { text: await answer.text, steps: (await answer.steps).length };
  },
  async structured() {
    const schema = z.object({ town: z.string(), days: z.number().int() });
    const answer = await generateText({ model, prompt, output: Output.object({ schema }), maxRetries: 0 });
    return answer.output;
  },
};
console.log(JSON.stringify(await asks[what]()));
