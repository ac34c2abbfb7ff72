/**
 * Writes what a client and a server say to each other, for `test/scenarios/wire-replay.test.ts`.
 *
 * `node test/wire-recorder.ts SERVER_URL FILE` prints the address that the client is to use, and appends one line of JSON for each
 * exchange to FILE until it is ended. Begin with an empty server. Bodies that are no text are left out.
 */
import { isUtf8 } from 'node:buffer'
import { appendFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'

const [target, file] = process.argv.slice(2)
if (target === undefined || file === undefined) throw new Error('usage: node test/wire-recorder.ts SERVER_URL FILE')
const upstream = new URL(target)

async function bytesOf(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

function send(request: http.IncomingMessage, body: Buffer): Promise<http.IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>()
  const { hostname, port } = upstream
  const headers = { ...request.headers, host: upstream.host }
  const options = { hostname, port, method: request.method, path: request.url, headers }
  http.request(options, resolve).on('error', reject).end(body)
  return promise
}

async function exchange(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const body = await bytesOf(request)
  const reply = await send(request, body)
  const answer = await bytesOf(reply)
  response.writeHead(reply.statusCode ?? 502, reply.headers).end(answer)
  if (!isUtf8(body) || !isUtf8(answer)) return
  const { method, url } = request
  const line = { method, path: url, body: body.toString(), status: reply.statusCode, reply: answer.toString() }
  appendFileSync(file ?? '', `${JSON.stringify(line)}\n`)
}

const server = http.createServer((request, response) => {
  exchange(request, response).catch((error: unknown) => {
    response.writeHead(502).end(String(error))
  })
})
server.listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
