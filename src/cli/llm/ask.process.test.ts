/** `slipway llm ask` as a program: the answer on standard output as it comes, one line on standard error, exit codes by who refused. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { llmPlaygroundApi } from '../../contract/llm/playground.ts'
import type { PlaygroundEnd } from '../../contract/llm/playground.ts'
import { startRecorded } from '../recorded-server.fixture.ts'
import type { RecordedServer } from '../recorded-server.fixture.ts'
import { usage } from '../run-command.fixture.ts'

const MAIN = join(import.meta.dirname, '../main.ts')
const END: PlaygroundEnd = {
  call: 'c_1',
  model: 'openai/gpt-4o-mini',
  refusal: null,
  finish: 'stop',
  first_ms: 101.4,
  ms: 840.4,
  tokens: { input: 12, output: 5 },
  cost_status: 'priced',
  cost_nanodollars: 21_000,
  cache: null,
  lost: [],
}

let server: RecordedServer
before(async () => {
  server = await startRecorded()
})
after(() => server.close())

const events = (...all: readonly (readonly [event: string, data: object])[]): string =>
  `: open\n\n${all.map(([event, data]) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`).join('')}`
const answer = (end: Partial<PlaygroundEnd> = {}): string =>
  events(['text', { text: 'It is ' }], ['text', { text: 'late.' }], ['end', { ...END, ...end }])

/** Runs the program with this on its standard input. */
async function run(input: string, ...argv: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [MAIN, 'llm', 'ask', '--data', server.data, ...argv])
  child.stdin.end(input)
  const ended = new Promise<number>((done) => child.on('close', (code) => done(code ?? -1)))
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { code, out, err }
}

test('the answer is on standard output, and model, tokens, cost and time are one line on standard error', async () => {
  server.answer(llmPlaygroundApi.askPlayground, answer())
  const { code, out, err } = await run(
    '',
    'chat',
    'Will it be late?',
    '--system',
    'Be short.',
    '--temperature',
    '0',
    '--max-tokens',
    '50',
  )
  assert.deepEqual(
    [code, out, err],
    [0, 'It is late.\n', 'openai/gpt-4o-mini, 12 tokens in, 5 out, $0.000021, 840 ms\n'],
  )
  assert.deepEqual(server.asked(llmPlaygroundApi.askPlayground)[0]?.body, {
    endpoint: 'chat',
    messages: [
      { role: 'system', content: 'Be short.' },
      { role: 'user', content: 'Will it be late?' },
    ],
    temperature: 0,
    max_tokens: 50,
  })
})

test('the text may come on standard input, and with --json all is one object', async () => {
  server.answer(
    llmPlaygroundApi.askPlayground,
    answer({ cost_nanodollars: null, cost_status: 'unknown_price', cache: 'hit' }),
  )
  const { code, out, err } = await run('from a pipe\n', 'chat', '--project', 'red', '--json')
  assert.equal(code, 0)
  const told = JSON.parse(out) as Record<string, unknown>
  assert.deepEqual([told['text'], told['call'], told['cost_nanodollars']], ['It is late.', 'c_1', null])
  assert.match(err, /cost not known, from the cache, 840 ms/)
  assert.deepEqual(server.asked(llmPlaygroundApi.askPlayground)[0]?.body, {
    endpoint: 'chat',
    project: 'red',
    messages: [{ role: 'user', content: 'from a pipe\n' }],
  })
})

test('what refused is said, what came before stays, and the exit code tells whose fault it is', async () => {
  const refused = (kind: NonNullable<PlaygroundEnd['refusal']>['kind']): void =>
    server.answer(
      llmPlaygroundApi.askPlayground,
      answer({
        refusal: { kind, status: 429, code: 'c', message: 'no room' },
        cost_nanodollars: null,
        model: null,
        tokens: null,
      }),
    )
  refused('budget')
  const spent = await run('', 'chat', 'x')
  assert.deepEqual(spent, { code: 1, out: 'It is late.\n', err: 'slipway: refused by a budget: no room (840 ms)\n' })
  refused('provider')
  assert.equal((await run('', 'chat', 'x')).code, 3)
  server.answer(llmPlaygroundApi.askPlayground, events(['text', { text: 'half' }]))
  const broken = await run('', 'chat', 'x')
  assert.deepEqual([broken.code, broken.out], [3, 'half'])
  assert.match(broken.err, /broke the answer off/)
})

test('what is asked wrongly is not sent', async () => {
  const say = (...argv: readonly string[]) => server.slipway('llm', 'ask', ...argv)
  server.answer(llmPlaygroundApi.askPlayground, answer())
  await assert.rejects(say(), usage(/needs the name of an endpoint/))
  await assert.rejects(say('chat', '  '), usage(/needs a text/))
  await assert.rejects(
    say('chat', 'x', '--temperature', 'hot'),
    usage(/--temperature is "hot"; expected a number from 0 to 2/),
  )
  await assert.rejects(say('chat', 'x', '--max-tokens', '0'), usage(/--max-tokens/))
  assert.deepEqual(server.asked(llmPlaygroundApi.askPlayground), [])
})
