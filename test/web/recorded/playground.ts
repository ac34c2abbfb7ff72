/** Answers of the playground as the server of the browser tests gives them; what the user says picks what happens. */
import type { ServerResponse } from 'node:http'
import { PlaygroundCall, PlaygroundEvent } from '../../../src/contract/llm/playground.ts'
import type { PlaygroundEnd } from '../../../src/contract/llm/playground.ts'

const BEGIN = { call: 'llm_01k2chat', model: 'openai/gpt-4.1-mini', cache: null, lost: [] }
const END: PlaygroundEnd = {
  ...BEGIN,
  refusal: null,
  finish: 'stop',
  first_ms: 310,
  ms: 1310,
  tokens: { input: 48, output: 62 },
  cost_status: 'priced',
  cost_nanodollars: 118_400,
}
const PIECES = [
  'Yes. UA 221 leaves **20 minutes** late',
  ', at 17:25, as its aircraft comes from Newark. ',
  'The gate is C12.',
]

/** Ends of answers by the word that the user says. */
const ENDS: Readonly<Record<string, Partial<PlaygroundEnd>>> = {
  budget: {
    call: null,
    model: null,
    finish: null,
    first_ms: null,
    tokens: null,
    cost_status: null,
    cost_nanodollars: null,
    refusal: {
      kind: 'budget',
      status: 429,
      code: 'insufficient_quota',
      message: 'budget bud_support (window: month) has no room for a call of up to $0.02',
    },
  },
  guardrail: {
    finish: null,
    refusal: {
      kind: 'guardrail',
      status: 200,
      code: 'guardrail_blocked',
      message: 'the guardrail cards found 1 place in the answer',
    },
  },
  lost: { lost: ['$.top_k', '$.seed'], cache: 'hit', cost_status: 'none', cost_nanodollars: 0 },
}

/** Streams an answer. Side B of `notes` is slow: it never ends by itself where the user says `slow`. */
export function answerPlayground(body: string, response: ServerResponse): void {
  const call = PlaygroundCall.parse(JSON.parse(body))
  const said = call.messages.at(-1)?.content ?? ''
  const word = Object.keys(ENDS).find((one) => said.includes(one))
  const write = (event: PlaygroundEvent): void =>
    void response.write(`event: ${event.event}\ndata: ${JSON.stringify(PlaygroundEvent.parse(event).data)}\n\n`)
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(': open\n\n')
  if (word !== 'budget') {
    write({ event: 'begin', data: BEGIN })
    for (const text of word === 'guardrail' ? PIECES.slice(0, 1) : PIECES) write({ event: 'text', data: { text } })
  }
  if (said.includes('broken')) return void response.end()
  if (said.includes('slow') && call.endpoint === 'notes') return
  write({ event: 'end', data: { ...END, ...(word !== undefined && ENDS[word]) } })
  response.end()
}
