/** The floor of the serving benchmark: node:http that parses the body and answers a fixed text. Prints its port. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const answer = JSON.stringify({ predictions: [[0.3, 0.7]], scores: [0.7], prediction_ids: ['p'], version: '1' })

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    JSON.parse(Buffer.concat(chunks).toString('utf8'))
    response.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', String(answer.length)])
    response.end(answer)
  })
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`)
})
