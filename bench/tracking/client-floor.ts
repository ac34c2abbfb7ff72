/** The floor of the mlflow client's calls: node:http that answers a fixed run to all that the client asks. Prints its port. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const run_id = '0'.repeat(32)
const info = {
  run_id,
  run_uuid: run_id,
  run_name: 'floor',
  experiment_id: '0',
  user_id: 'nobody',
  status: 'RUNNING',
  start_time: 1,
  artifact_uri: `mlflow-artifacts:/0/${run_id}/artifacts`,
  lifecycle_stage: 'active',
}

const RUN = JSON.stringify({ run: { info, data: {} }, run_info: info })

const server = createServer((request, response) => {
  request.resume()
  request.on('end', () => {
    const answer = request.url?.includes('/runs/log-metric') === true ? '{}' : RUN
    response.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', String(answer.length)])
    response.end(answer)
  })
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`)
})
