/** A fake provider whose answers have all that must survive a change between whole and stream. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

/** What a provider tells of one call of a chat and one of a message, in both forms. */
const CHAT = {
  head: { id: 'c1', created: 7, model: 'gpt' },
  call: { id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"x":1}' } },
  usage: { prompt_tokens: 11, completion_tokens: 5, total_tokens: 16, prompt_tokens_details: { cached_tokens: 3 } },
}
const MESSAGE = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude',
  content: [
    { type: 'text', text: 'né' },
    { type: 'tool_use', id: 'toolu_1', name: 'f', input: { x: 1 } },
  ],
  stop_reason: 'tool_use',
  stop_sequence: null,
  usage: { input_tokens: 8, cache_read_input_tokens: 3, cache_creation_input_tokens: 0, output_tokens: 5 },
}

function wholeChat(): object {
  const { head, call, usage } = CHAT
  const choices = [
    { index: 0, message: { role: 'assistant', content: 'né' }, finish_reason: 'stop' },
    { index: 1, message: { role: 'assistant', content: null, tool_calls: [call] }, finish_reason: 'tool_calls' },
  ]
  return { ...head, object: 'chat.completion', choices, usage }
}

function chatEvents(): string {
  const { head, call, usage } = CHAT
  const steps = [
    { index: 0, delta: { role: 'assistant', content: 'n' }, finish_reason: null },
    { index: 1, delta: { role: 'assistant', tool_calls: [{ index: 0, ...call }] }, finish_reason: null },
    { index: 0, delta: { content: 'é' }, finish_reason: 'stop' },
    { index: 1, delta: {}, finish_reason: 'tool_calls' },
  ]
  const events = [...steps.map((choice) => ({ choices: [choice] })), { choices: [], usage }]
  const lines = events.map((one) => `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', ...one })}\n\n`)
  return `${lines.join('')}data: [DONE]\n\n`
}

/** A provider whose answers have texts, calls of tools and several choices; it notes in which form it was asked. */
export async function richProvider(t: TestContext): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (piece: Buffer) => (text += piece.toString()))
    request.on('end', () => {
      const stream = text.includes('"stream":true')
      asked.push(stream ? 'stream' : 'whole')
      const whole = request.url?.endsWith('/messages') === true ? MESSAGE : wholeChat()
      response.writeHead(200, { 'content-type': stream ? 'text/event-stream' : 'application/json' })
      response.end(stream ? chatEvents() : JSON.stringify(whole))
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, asked }
}
