/** A server for tests that speak HTTP byte by byte, and the socket that they speak through. */
import { once } from 'node:events'
import net from 'node:net'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { z } from 'zod'
import { route } from '../contract/route.ts'
import { mount, Raw } from './mount.ts'
import { startOpen } from './open-server.fixture.ts'
import type { RunningServer } from './server.ts'

const open = { access: 'public', summary: 'for tests' } as const

/** Answers with what it was sent: the parts of the path, the query, the body. */
export const echo = route({
  ...open,
  method: 'POST',
  path: '/echo/:part',
  params: z.object({ part: z.string() }),
  query: z.object({ q: z.string().optional() }),
  body: z.object({ text: z.string() }),
  reply: z.object({ part: z.string(), q: z.string().nullable(), text: z.string() }),
  limit: 1000,
})

const read = route({
  ...open,
  method: 'GET',
  path: '/read/:part',
  params: z.object({ part: z.string() }),
  reply: 'json',
})
const text = route({ ...open, method: 'GET', path: '/text', reply: 'text' })
const streamed = route({ ...open, method: 'GET', path: '/streamed', reply: 'stream' })
const count = route({
  ...open,
  method: 'PUT',
  path: '/count',
  body: 'stream',
  reply: z.object({ size: z.number().int() }),
})

/** What happened behind the routes: the parts of the paths of handled calls (`/text` is not noted), and how many streams were closed. */
export interface Handled {
  readonly paths: string[]
  closed: number
}

/** Starts the server; `allowHosts` holds models.example.org. */
export async function startRaw(handled: Handled = { paths: [], closed: 0 }): Promise<RunningServer> {
  return startOpen(
    [
      mount(echo, ({ params, query, body }) => {
        handled.paths.push(params.part)
        return { part: params.part, q: query.q ?? null, text: body.text }
      }),
      mount(read, ({ params, search }) => {
        handled.paths.push(params.part)
        return { part: params.part, query: [...search] }
      }),
      mount(text, () => new Raw(200, { 'content-type': 'text/plain' }, 'some text')),
      mount(streamed, () => {
        const source = Readable.from(['one ', 'two'])
        source.once('close', () => (handled.closed += 1))
        return new Raw(200, { 'content-type': 'application/octet-stream' }, source)
      }),
      mount(count, async ({ body }) => {
        let size = 0
        for await (const part of body) size += part.length
        handled.paths.push('count')
        return { size }
      }),
    ],
    {
      allowHosts: ['models.example.org'],
    },
  )
}

/** Connects; `said` is all that came back so far. */
export async function speak(port: number): Promise<{ socket: Socket; said: () => string }> {
  const socket = net.connect(port, '127.0.0.1')
  let said = ''
  socket.setEncoding('latin1').on('data', (part) => (said += String(part)))
  // a server that cuts a connection under way is seen as a reset
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return { socket, said: () => said }
}

/** Sends bytes on a connection of its own and resolves to all that is answered before the server ends it. */
export async function exchange(port: number, bytes: string | Buffer): Promise<string> {
  const { socket, said } = await speak(port)
  const ended = once(socket, 'close')
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  await ended
  return said()
}

/** One answer of a connection. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Takes answers with a Content-Length apart; `bodiless` are the places (from 0) of those to HEAD requests. */
export function answersOf(said: string, bodiless: readonly number[] = []): Answer[] {
  const answers: Answer[] = []
  for (let rest = said; rest !== '';) {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) throw new Error(`not an answer: ${JSON.stringify(rest)}`)
    const [first = '', ...lines] = rest.slice(0, end).split('\r\n')
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    )
    const length = bodiless.includes(answers.length) ? 0 : Number(headers['content-length'] ?? 0)
    const body = rest.slice(end + 4, end + 4 + length)
    answers.push({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1]), headers, body })
    rest = rest.slice(end + 4 + length)
  }
  return answers
}

/** A request as text: its first line, Host, further header lines and a body with its length. */
export function request(line: string, headers: readonly string[] = [], body?: string): string {
  const length = body === undefined ? [] : ['Content-Type: application/json', `Content-Length: ${body.length}`]
  return [`${line} HTTP/1.1`, 'Host: 127.0.0.1', ...headers, ...length, '', body ?? ''].join('\r\n')
}
