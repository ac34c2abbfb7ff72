/** The model server as a process, over a stand-in for llama.cpp: what it answers, what it refuses, and whom it ends with. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import OpenAI from 'openai'
import { until } from '../../../../../test/until.ts'
import { llamaFolder } from './llama.fixture.ts'
import { ModelProcess } from './process.ts'

const messages = [{ role: 'user' as const, content: 'a b' }]

async function model(t: TestContext) {
  const folder = llamaFolder(t)
  const log = join(folder, 'model.log')
  const started = await ModelProcess.start({ folder, file: 'm.gguf', name: 'small', threads: 1 }, log)
  t.after(() => started.kill())
  const openai = new OpenAI({ baseURL: `${started.url}/v1`, apiKey: 'none', maxRetries: 0 })
  return { process: started, openai, folder, log }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH')
    return false
  }
}

test('chats and completions are answered whole and as streams, with their tokens', async (t) => {
  const { openai } = await model(t)
  const whole = await openai.chat.completions.create({ model: 'small', messages, max_tokens: 3 })
  // the prompt is "user: a b\nassistant:"
  assert.equal(whole.choices[0]?.message.content, 'user: a b')
  assert.equal(whole.choices[0].finish_reason, 'length')
  assert.deepEqual(whole.usage, { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 })

  const chunks = []
  const options = { include_usage: true }
  const body = { model: 'small', messages, max_completion_tokens: 3, stream: true, stream_options: options } as const
  for await (const chunk of await openai.chat.completions.create(body)) chunks.push(chunk)
  assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''), 'user: a b')
  assert.equal(chunks[0]?.choices[0]?.delta.role, 'assistant')
  assert.equal(chunks.at(-2)?.choices[0]?.finish_reason, 'length')
  assert.deepEqual([chunks.at(-1)?.choices, chunks.at(-1)?.usage], [[], whole.usage])

  const stopped = await openai.completions.create({
    model: 'small',
    prompt: 'one two three',
    max_tokens: 9,
    stop: 'three',
  })
  assert.deepEqual([stopped.choices[0]?.text, stopped.choices[0]?.finish_reason], ['one two', 'stop'])
  assert.deepEqual(
    (await openai.models.list()).data.map(({ id }) => id),
    ['small'],
  )
})

test('what it does not understand is the fault of the caller, and a fault of the model is its own', async (t) => {
  const {
    openai,
    process: { url },
  } = await model(t)
  const create = (body: object) =>
    openai.chat.completions
      .create({ model: 'small', messages, ...body } as OpenAI.ChatCompletionCreateParamsNonStreaming)
      .then(
        () => assert.fail('it was answered'),
        ({ status, code, message }: InstanceType<typeof OpenAI.APIError>) => ({ status, code, message }),
      )
  const long = await create({ max_tokens: 2044 })
  assert.deepEqual([long.status, long.code], [400, 'context_length_exceeded'])
  assert.match(long.message, /2048 tokens; 5 of the prompt and 2044/)
  for (const [body, said] of [
    [{ messages: [] }, /messages/],
    [{ messages: 'hi' }, /messages/],
    [{ max_tokens: 0 }, /max_tokens/],
    [{ temperature: 3 }, /temperature/],
    [{ stop: ['a', 'b', 'c', 'd', 'e'] }, /stop/],
  ] as const) {
    const { status, message } = await create(body)
    assert.equal(status, 400)
    assert.match(message, said)
  }
  assert.deepEqual((await create({ model: 'other' })).code, 'model_not_found')
  const failed = await create({ messages: [{ role: 'user', content: 'fail' }] })
  assert.deepEqual([failed.status, failed.message], [500, '500 the model failed'])
  const post = (body: string) => fetch(`${url}/v1/completions`, { method: 'POST', body })
  assert.equal((await post('{')).status, 400)
  assert.equal((await post(JSON.stringify({ prompt: 'x'.repeat(1024 * 1024) }))).status, 400)
  assert.equal((await fetch(`${url}/v1/embeddings`, { method: 'POST', body: '{}' })).status, 404)
  const after = await openai.chat.completions.create({ model: 'small', messages, max_tokens: 1 })
  assert.equal(after.choices[0]?.message.content, 'user:', 'one that failed keeps nobody waiting')
})

test('answers are given one after another, and one that is left is ended', async (t) => {
  const { openai, process: small } = await model(t)
  const body = { model: 'small', prompt: 'a b', max_tokens: 2 }
  const stream = await openai.completions.create({ ...body, prompt: 'endless', stream: true })
  for await (const { choices } of stream) if (choices.length > 0) break
  const several = Array.from({ length: 3 }, () => openai.completions.create(body))
  assert.deepEqual(
    (await Promise.all(several)).map(({ choices }) => choices[0]?.text),
    ['a b', 'a b', 'a b'],
  )
  await until('the model to be idle', async () => (await small.open()) === 0)
})

test('it ends when the process that started it is killed', async (t) => {
  const folder = llamaFolder(t)
  const code = `
    const { ModelProcess } = await import(${JSON.stringify(join(import.meta.dirname, 'process.ts'))})
    const model = await ModelProcess.start(${JSON.stringify({ folder, file: 'm', name: 'm', threads: 1 })}, ${JSON.stringify(join(folder, 'log'))})
    console.log(model.pid)
    setInterval(() => {}, 1000)`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => parent.kill('SIGKILL'))
  const [text] = (await once(parent.stdout, 'data')) as [Buffer]
  const pid = Number(text.toString())
  assert.ok(isAlive(pid))
  parent.kill('SIGKILL')
  await until('the model server to end', async () => !isAlive(pid))
})

test('told to stay with another process, it ends with that one', async (t) => {
  const { process: small, openai } = await model(t)
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  t.after(() => other.kill('SIGKILL'))
  small.stayWith(other.pid ?? 0)
  const body = { model: 'small', messages, max_tokens: 400 }
  assert.equal((await openai.chat.completions.create(body)).usage?.completion_tokens, 400, 'its input is closed by now')
  other.kill('SIGKILL')
  await until('the model server to end', async () => !isAlive(small.pid))
})

test('a model that cannot be loaded is told, with the file that says why', async (t) => {
  const folder = llamaFolder(t)
  const log = join(folder, 'model.log')
  const started = ModelProcess.start({ folder, file: 'broken.gguf', name: 'm', threads: 1 }, log)
  await assert.rejects(started, /the model server ended with code 1 before its model was loaded; see .*model\.log/)
  assert.match(readFileSync(log, 'utf8'), /no model/)
})
