/** The playground without a page: what is kept and read again, what a side asks, what becomes of answers, and code that a shell and Python read. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { PlaygroundCall } from '../../../src/contract/llm/playground.ts'
import type { PlaygroundEnd } from '../../../src/contract/llm/playground.ts'
import {
  afterEvent,
  afterStream,
  ASKED,
  callOf,
  curlOf,
  faultOf,
  playgroundOf,
  pythonOf,
  speedOf,
} from './playground.ts'
import type { Answer, Playground } from './playground.ts'

const EMPTY = playgroundOf(null)
const CHAT = { name: 'chat', project: 'red' }
const END: PlaygroundEnd = {
  call: null,
  model: null,
  refusal: null,
  finish: null,
  first_ms: 200,
  ms: 700,
  tokens: { input: 3, output: 10 },
  cost_status: null,
  cost_nanodollars: null,
  cache: null,
  lost: [],
}

const asking = (side: Partial<Playground['sides'][0]>, user = 'Hello', system = ''): Playground => ({
  system,
  user,
  sides: [EMPTY.sides[0], { ...EMPTY.sides[1], ...side }],
})

test('what was kept is read again; what is damaged or strange is empty', () => {
  const full = asking({ endpoint: 'e1', temperature: '0.5' }, 'a', 'b')
  assert.deepEqual(playgroundOf(JSON.stringify(full)), full)
  for (const kept of ['', '{', 'null', '[]', '5', '{"sides":"x","user":7}', '{"sides":[null,{"endpoint":3}]}'])
    assert.deepEqual(playgroundOf(kept), EMPTY, kept)
})

test('a side asks with what is filled in alone, and never with a parameter that is wrong', () => {
  const call = callOf(asking({ temperature: ' 0 ', top_p: '0.9', max_tokens: '64' }, 'Hello', 'Be short.'), 1, CHAT)
  assert.deepEqual(call, {
    endpoint: 'chat',
    project: 'red',
    messages: [
      { role: 'system', content: 'Be short.' },
      { role: 'user', content: 'Hello' },
    ],
    temperature: 0,
    top_p: 0.9,
    max_tokens: 64,
  })
  assert.ok(PlaygroundCall.safeParse(call).success)
  assert.deepEqual(callOf(asking({}), 1, CHAT)?.messages, [{ role: 'user', content: 'Hello' }])
  assert.equal(callOf(asking({}, ' \n'), 1, CHAT), undefined)
  for (const [name, text] of [
    ['temperature', '2.1'],
    ['temperature', '-0.1'],
    ['temperature', 'hot'],
    ['top_p', '1.01'],
    ['max_tokens', '0'],
    ['max_tokens', '1.5'],
  ] as const) {
    assert.notEqual(faultOf(name, text), undefined, `${name} ${text}`)
    assert.equal(callOf(asking({ [name]: text }), 1, CHAT), undefined, `${name} ${text}`)
  }
})

test('an answer grows by its pieces and ends once', () => {
  const begin = { call: 'c', model: 'a/b', cache: null, lost: [] }
  const grown = [
    { event: 'begin' as const, data: begin },
    { event: 'text' as const, data: { text: 'one ' } },
    { event: 'text' as const, data: { text: 'two' } },
  ].reduce<Answer>((answer, event, at) => afterEvent(answer, event, at * 100), ASKED)
  assert.deepEqual(grown, { state: 'coming', text: 'one two', begin, first_ms: 100 })
  const ended = afterEvent(grown, { event: 'end', data: END }, 500)
  assert.deepEqual(ended, { state: 'ended', text: 'one two', end: END })
  assert.equal(afterEvent(ended, { event: 'text', data: { text: 'late' } }, 600), ended)
  assert.equal(afterStream(ended, false), ended)
  assert.deepEqual(afterStream(grown, true), { ...grown, state: 'stopped' })
  const broken = afterStream(grown, false)
  assert.ok(broken.state === 'failed' && broken.text === 'one two' && /broke/.test(broken.error.message))
})

test('a speed is that from the first token on, where there is one', () => {
  assert.equal(speedOf(END), 20)
  assert.equal(speedOf({ ...END, tokens: null }), null)
  assert.equal(speedOf({ ...END, first_ms: null }), null)
  assert.equal(speedOf({ ...END, first_ms: 695 }), null)
})

test('a shell reads the command with the text as it was, whatever it holds', () => {
  const text = `it's "5 $HOME" \\ \`ls\`\nnext`
  const call = callOf(asking({ max_tokens: '9' }, text), 1, CHAT)
  assert.ok(call !== undefined)
  const said = execFileSync(
    'sh',
    ['-c', `curl() { for one; do printf '%s\\0' "$one"; done; }; ${curlOf('http://gw', call)}`],
    {
      encoding: 'utf8',
      env: { KEY: 'slw_k' },
    },
  ).split('\0')
  assert.ok(said.includes('http://gw/v1/chat/completions') && said.includes('Authorization: Bearer slw_k'))
  assert.deepEqual(JSON.parse(said.at(-2) ?? ''), {
    model: 'chat',
    messages: [{ role: 'user', content: text }],
    max_tokens: 9,
    stream: true,
  })
  const lines = pythonOf('http://gw', call).split('\n')
  assert.ok(lines.includes('client = OpenAI(base_url="http://gw/v1", api_key="slw_…")'))
  assert.ok(lines.includes('    max_tokens=9,'))
  const messages = lines.find((line) => line.startsWith('    messages=')) ?? ''
  assert.deepEqual(JSON.parse(messages.slice('    messages='.length, -1)), [{ role: 'user', content: text }])
})
