/** How fast a large file goes up and down through the artifact proxy, beside a plain copy: `node bench/artifacts.ts [MB]`. */
import { randomBytes } from 'node:crypto'
import {
  copyFileSync,
  createReadStream,
  fsyncSync,
  mkdtempSync,
  openSync,
  closeSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startTestServer } from '../test/server.ts'
import { memoryOf } from './process.ts'

const MB = 1_000_000

/** MB a second of `work` on so many bytes. */
async function speed(bytes: number, work: () => unknown): Promise<number> {
  const begun = performance.now()
  await work()
  return bytes / MB / ((performance.now() - begun) / 1000)
}

function rate(value: number): string {
  return `${Math.round(value)} MB/s`
}

function makeFile(path: string, megabytes: number): number {
  const block = randomBytes(MB)
  const file = openSync(path, 'w')
  for (let i = 0; i < megabytes; i++) {
    block.writeUInt32LE(i)
    writeSync(file, block)
  }
  closeSync(file)
  return statSync(path).size
}

function durableCopy(from: string, to: string): void {
  copyFileSync(from, to)
  const file = openSync(to, 'r+')
  fsyncSync(file)
  closeSync(file)
}

function send(url: string, token: string, file?: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const sent = request(
    url,
    { method: file === undefined ? 'GET' : 'PUT', headers: { authorization: `Bearer ${token}` } },
    (reply) => {
      let size = 0
      reply.on('data', (chunk: Buffer) => (size += chunk.length))
      reply.on('end', () =>
        reply.statusCode === 200 ? resolve(size) : reject(new Error(`status ${reply.statusCode}`)),
      )
      reply.on('error', reject)
    },
  )
  sent.on('error', reject)
  if (file === undefined) sent.end()
  else createReadStream(file, { highWaterMark: 1024 * 1024 }).pipe(sent)
  return promise
}

const folder = mkdtempSync(join(tmpdir(), 'slipway-artifacts-'))
const server = await startTestServer()
let rss = 0
const watch = setInterval(() => (rss = Math.max(rss, memoryOf([server.pid]).rss)), 100)
try {
  const file = join(folder, 'file')
  const bytes = makeFile(file, Number(process.argv[2] ?? 1000))
  const copy = await speed(bytes, () => durableCopy(file, join(folder, 'copy')))
  const created = await fetch(`${server.url}/api/2.0/mlflow/runs/create`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ experiment_id: '0', start_time: 1 }),
  })
  const { run } = (await created.json()) as { run: { info: { run_id: string } } }
  const url = `${server.url}/api/2.0/mlflow-artifacts/artifacts/0/${run.info.run_id}/artifacts/file`
  const up = await speed(bytes, () => send(url, server.token, file))
  const down = await speed(bytes, async () => {
    if ((await send(url, server.token)) !== bytes) throw new Error('bytes are missing')
  })
  process.stdout.write(
    `${Math.round(bytes / MB)} MB: up ${rate(up)}, down ${rate(down)}, copy with fsync ${rate(copy)}; server's largest RSS ${Math.round(rss / MB)} MB\n`,
  )
} finally {
  clearInterval(watch)
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
}
