/** How fast a large file goes up and down through the artifact proxy, and with how much memory, beside a plain copy of it. */
import { createHash, randomBytes } from 'node:crypto'
import { closeSync, copyFileSync, createReadStream, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startTestServer } from '../../test/server.ts'
import { startMlflow } from '../load/mlflow.ts'
import { cpuMsOf, familyOf, memoryOf } from '../load/process.ts'
import { COMPILED } from '../program/serve.ts'
import { megabytes, ms, thousands } from '../table.ts'
import type { Options, Row } from '../table.ts'

const MB = 1_000_000

/** MB of the file; with --quick, and what the peer gets. */
const [SIZE, SMALL] = [5000, 500]
const PEER_SIZE = 200

/** What is to be reached: MB a second, or this share of a plain copy; and the server's memory, bytes. */
const [RATE, SHARE, RSS] = [300, 0.8, 200 * MB]

const BLOCK = 1024 * 1024

interface Place {
  readonly url: string
  readonly pid: number
  readonly token?: string
}

interface Moved {
  /** MB a second. */
  readonly rate: number
  /** CPU of the server, ms a MB. */
  readonly cpu: number
  /** The server's largest memory meanwhile, bytes. */
  readonly rss: number
}

interface Floor {
  /** MB a second of a copy to the disk, synced; and of reading the file for its sha256. */
  readonly copy: number
  readonly hash: number
}

/** Rows of the way up and down. The file, its copy and the stored one lie in the folder of temporary files. */
export async function artifacts(options: Options): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-artifacts-'))
  try {
    const size = options.seconds >= 4 ? SIZE : SMALL
    const file = makeFile(join(folder, 'file'), size)
    const floor = { copy: await speed(size, () => durableCopy(file)), hash: await speed(size, () => hashed(file)) }
    const server = await startTestServer({ env: { NODE_COMPILE_CACHE: COMPILED } })
    let own: { up: Moved; down: Moved }
    try {
      own = await upAndDown(server, file, size)
    } finally {
      await server.stop()
    }
    const peer = options.peers ? await theirs(makeFile(join(folder, 'small'), PEER_SIZE)) : undefined
    return [
      rowOf('up', size, { own: own.up, floor, peer: peer?.up }),
      rowOf('down', size, { own: own.down, floor, peer: peer?.down }),
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function theirs(file: string): Promise<{ up: Moved; down: Moved }> {
  const server = await startMlflow()
  try {
    return await upAndDown(server, file, PEER_SIZE)
  } finally {
    await server.stop()
  }
}

interface Compared {
  readonly own: Moved
  readonly floor: Floor
  readonly peer: Moved | undefined
}

function rowOf(way: 'up' | 'down', size: number, { own, floor, peer }: Compared): Row {
  const plain = `plain copy with sync ${rate(floor.copy)}, sha256 of the file ${rate(floor.hash)}`
  return {
    name: `a file of ${thousands(size)} MB ${way} through the artifact proxy`,
    measured: said(own),
    target: `≥ ${RATE} MB/s or ${SHARE * 100} % of the copy; ≤ ${megabytes(RSS)} RSS`,
    beside: peer === undefined ? plain : `${plain}; MLflow, ${PEER_SIZE} MB: ${said(peer)}`,
    ok: own.rate >= Math.min(RATE, SHARE * floor.copy) && own.rss <= RSS,
    figures: { size, ...own, floor, peer },
  }
}

function said(moved: Moved): string {
  return `${rate(moved.rate)}, ${ms(moved.cpu)} CPU a MB, largest RSS ${megabytes(moved.rss)}`
}

function rate(value: number): string {
  return `${thousands(value)} MB/s`
}

async function upAndDown(place: Place, file: string, size: number): Promise<{ up: Moved; down: Moved }> {
  const url = `${place.url}/api/2.0/mlflow-artifacts/artifacts/0/${await createRun(place)}/artifacts/file`
  const up = await watched(place, size, () => send(url, place.token, { file, bytes: size * MB }))
  const down = await watched(place, size, async () => {
    const got = await send(url, place.token)
    if (got !== size * MB) throw new Error(`${got} bytes came back of ${size * MB}`)
  })
  return { up, down }
}

async function watched({ pid }: Place, size: number, work: () => Promise<unknown>): Promise<Moved> {
  const pids = familyOf(pid)
  let rss = 0
  const watch = setInterval(() => (rss = Math.max(rss, memoryOf(pids).rss)), 100)
  const before = cpuMsOf(pids)
  try {
    const rate = await speed(size, work)
    return { rate, cpu: (cpuMsOf(pids) - before) / size, rss }
  } finally {
    clearInterval(watch)
  }
}

/** MB a second of `work` on so many MB. */
async function speed(size: number, work: () => unknown): Promise<number> {
  const began = performance.now()
  await work()
  return size / ((performance.now() - began) / 1000)
}

/** Bytes that no file system can make smaller. */
function makeFile(path: string, size: number): string {
  const block = randomBytes(MB)
  const file = openSync(path, 'w')
  for (let i = 0; i < size; i++) {
    block.writeUInt32LE(i)
    writeSync(file, block)
  }
  fsyncSync(file)
  closeSync(file)
  return path
}

function durableCopy(from: string): void {
  const to = `${from}.copy`
  copyFileSync(from, to)
  const file = openSync(to, 'r+')
  fsyncSync(file)
  closeSync(file)
  rmSync(to)
}

async function hashed(file: string): Promise<void> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file, { highWaterMark: BLOCK })) hash.update(chunk as Buffer)
  hash.digest()
}

async function createRun({ url, token }: Place): Promise<string> {
  const response = await fetch(`${url}/api/2.0/mlflow/runs/create`, {
    method: 'POST',
    headers: { ...authorization(token), 'content-type': 'application/json' },
    body: JSON.stringify({ experiment_id: '0', start_time: 1 }),
  })
  return ((await response.json()) as { run: { info: { run_id: string } } }).run.info.run_id
}

/** Puts a file, as mlflow's client does, or gets one; resolves to the bytes of the answer. */
function send(url: string, token: string | undefined, put?: { file: string; bytes: number }): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const headers = { ...authorization(token), ...(put !== undefined && { 'content-length': put.bytes }) }
  const sent = request(url, { method: put === undefined ? 'GET' : 'PUT', headers }, (reply) => {
    let size = 0
    reply.on('data', (chunk: Buffer) => (size += chunk.length))
    reply.on('end', () => (reply.statusCode === 200 ? resolve(size) : reject(new Error(`status ${reply.statusCode}`))))
    reply.on('error', reject)
  })
  sent.on('error', reject)
  if (put === undefined) sent.end()
  else createReadStream(put.file, { highWaterMark: BLOCK }).pipe(sent)
  return promise
}

function authorization(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` }
}
