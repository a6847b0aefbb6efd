// SPDX-License-Identifier: Apache-2.0
// OpenAI's official client against a running server: what it sends is understood, what comes back is what it expects.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../web/package.json', import.meta.url));
const OpenAI = require('openai');

const { CAIRN_URL: url, CAIRN_USER_KEY: key } = process.env;
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const ask = (content) => [{ role: 'user', content }];
const qa = process.env.CAIRN_QA_MODEL ?? 'handbook';

const models = [];
for await (const model of client.models.list()) models.push(model.id);
assert.ok(models.includes(qa), `models: ${models}`);
const base = models.find((id) => id === (process.env.CAIRN_BASE_MODEL ?? 'pebble'));
assert.ok(base);

// A grounded answer, whole and as a stream: the same text, and citations that point into a document.
const question = process.env.CAIRN_QUESTION ?? 'Within how many days may customers return unused goods?';
const whole = await client.chat.completions.create({ model: qa, messages: ask(question) });
const { message } = whole.choices[0];
assert.equal(message.role, 'assistant');
assert.equal(whole.choices[0].finish_reason, 'stop');
assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens);
assert.ok(!message.cairn.refused, message.content);
const citation = message.cairn.citations[0];
const response = await fetch(`${url}/api/documents/${citation.document}`, { headers: { Authorization: `Bearer ${key}` } });
const document = await response.json();
const quoted = Buffer.from(document.text).subarray(citation.begin, citation.end).toString();
assert.equal(quoted.replace(/\s+/g, ' ').trim(), citation.quote.replace(/\s+/g, ' ').trim());

let streamed = '', usage, grounding;
const stream = await client.chat.completions.create({
  model: qa, messages: ask(question), stream: true, stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  streamed += chunk.choices[0]?.delta.content ?? '';
  grounding = chunk.choices[0]?.delta.cairn ?? grounding;
  usage = chunk.usage ?? usage;
}
assert.equal(streamed, message.content);
assert.deepEqual(grounding.citations, message.cairn.citations);
assert.ok(usage.prompt_tokens > 0);

// A conversation sends our own message back.
const next = await client.chat.completions.create({
  model: qa, messages: [...ask(question), message, ...ask(question)],
});
assert.equal(next.choices[0].message.role, 'assistant');

// The base model: sampled with a seed, twice the same.
const sampled = { model: base, messages: ask('Hello'), max_tokens: 16, temperature: 0.8, seed: 7, user: 'u-1' };
const [first, second] = await Promise.all([1, 2].map(() => client.chat.completions.create(sampled)));
assert.equal(first.choices[0].message.content, second.choices[0].message.content);
const helper = client.chat.completions.stream(sampled);
assert.equal((await helper.finalChatCompletion()).choices[0].message.content, first.choices[0].message.content);

// An answer in the shape that was asked for, whatever the model is.
const schema = {
  type: 'object', additionalProperties: false, required: ['sure', 'mood'],
  properties: { sure: { type: 'boolean' }, mood: { type: 'string', enum: ['good', 'bad'] } },
};
const shaped = { model: base, messages: ask('Hello'), response_format: { type: 'json_schema', json_schema: { name: 'check', schema, strict: true } } };
const fitted = JSON.parse((await client.chat.completions.create(shaped)).choices[0].message.content);
assert.deepEqual(Object.keys(fitted), ['sure', 'mood'], 'in the order of the schema');
assert.ok(typeof fitted.sure === 'boolean' && ['good', 'bad'].includes(fitted.mood));
const shapedStream = client.chat.completions.stream(shaped);
assert.deepEqual(JSON.parse((await shapedStream.finalChatCompletion()).choices[0].message.content), fitted);

// Tools: a model whose template has them takes them and its own calls back; another says that it has none.
const tools = [{ type: 'function', function: { name: 'sum', description: 'Adds', parameters: { type: 'object', properties: { b: { type: 'integer' }, a: { type: 'integer' } } } } }];
const asked = { model: base, messages: ask('1 + 2?'), tools, max_tokens: 8 };
const tooled = await client.chat.completions.create(asked).catch((error) => error);
if (tooled instanceof Error) {
  assert.equal(tooled.status, 400);
  assert.match(tooled.message, /was not tuned for tools/);
} else {
  const plain = await client.chat.completions.create({ ...asked, tool_choice: 'none' });
  assert.ok(tooled.usage.prompt_tokens > plain.usage.prompt_tokens + 50, 'the tools are in the prompt');
  const call = { id: 'call_1', type: 'function', function: { name: 'sum', arguments: '{"a": 1, "b": 2}' } };
  const turns = [...ask('1 + 2?'), { role: 'assistant', content: null, tool_calls: [call] }, { role: 'tool', tool_call_id: 'call_1', content: '3' }];
  const told = await client.chat.completions.create({ ...asked, messages: turns });
  assert.ok(told.usage.prompt_tokens > tooled.usage.prompt_tokens, 'call and result are in the prompt');
  const helped = client.chat.completions.stream({ ...asked, messages: turns });
  assert.equal((await helped.finalChatCompletion()).choices[0].message.content, told.choices[0].message.content);
}

// Embeddings: the client asks for base64 and decodes it; as decimals they are the same floats.
const embedder = models.find((id) => id === 'tiny-bert');
if (embedder) {
  const input = ['how many days of leave', 'the days'];
  const coded = await client.embeddings.create({ model: embedder, input });
  const plain = await client.embeddings.create({ model: embedder, input, encoding_format: 'float' });
  assert.equal(coded.data.length, 2);
  assert.equal(coded.data[0].embedding.length, 32);
  assert.ok(coded.usage.prompt_tokens > 6);
  for (const i of [0, 1]) {
    assert.deepEqual([...coded.data[i].embedding].map(Math.fround), plain.data[i].embedding.map(Math.fround));
  }
}

// Errors arrive as the client's own classes, with words.
const fails = async (request, kind, status, words) => {
  const failure = await request().then(() => null, (error) => error);
  assert.ok(failure instanceof kind, `${failure}`);
  assert.equal(failure.status, status);
  assert.match(failure.message, words);
  return failure;
};
const create = (body) => () => client.chat.completions.create({ model: base, messages: ask('Hi'), ...body });
await fails(create({ model: 'gpt-4' }), OpenAI.NotFoundError, 404, /there are: .*handbook/);
await fails(create({ model: qa, tools }), OpenAI.BadRequestError, 400, /'tools' have no effect/);
await fails(create({ tools, tool_choice: 'required' }), OpenAI.BadRequestError, 400, /cannot be forced/);
await fails(create({ n: 3 }), OpenAI.BadRequestError, 400, /'n' is not supported here except as 1/);
const long = await fails(create({ messages: ask('word '.repeat(20_000)) }), OpenAI.BadRequestError, 400, /the context of/);
assert.equal(long.code, 'context_length_exceeded');
if (embedder) {
  const shorter = () => client.embeddings.create({ model: embedder, input: 'x', dimensions: 8 });
  await fails(shorter, OpenAI.BadRequestError, 400, /makes vectors of 32/);
  await fails(create({ model: embedder }), OpenAI.BadRequestError, 400, /reads texts and writes none/);
}
const stranger = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'ck_none', maxRetries: 0 });
await fails(() => stranger.models.list(), OpenAI.AuthenticationError, 401, /key/);

// Leaving in the middle of a stream is noticed, and the server goes on.
const left = await client.chat.completions.create({ model: base, messages: ask('Go on'), max_tokens: 900, temperature: 1, stream: true });
for await (const chunk of left) if (chunk.choices[0]?.delta.content) break;
assert.equal((await client.chat.completions.create(sampled)).choices[0].message.content, first.choices[0].message.content);
console.log(`openai client: ${models.length} models, quote "${citation.quote}" in ${citation.path}`);
