/** `slipway data get`: writes the files of a version; one that broke off goes on where it broke, and each is held against its digest. */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, extname, join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import type { Client } from '../../client/client.ts'
import { ifMissing } from '../../contract/absence/absent.ts'
import { dataSetsApi, type MadeBy, type DataFile } from '../../contract/data/sets.ts'
import type { z } from 'zod'
import { safePath } from '../../store/blobs/archive.ts'
import { text } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { projectFlag, versionOf } from './names.ts'

type File = z.output<typeof DataFile>

export async function get(client: Client, invocation: Invocation, [given = '']: readonly string[]): Promise<number> {
  const { out } = invocation
  const wanted = versionOf(given)
  const query = projectFlag(invocation)
  const version = await client.call(dataSetsApi.getDataVersion, { params: wanted, query })
  // what is latest may be another one by the next call
  const params = { name: wanted.name, version: String(version.version) }
  const { items } = await client.call(dataSetsApi.listDataFiles, { params, query })
  const single = items.length === 1 && items[0]?.path === ''
  const root = resolve(text(invocation, 'out') ?? (single ? `${wanted.name}${endingOf(version.made_by)}` : wanted.name))
  const targets = items.map((file) => ({ file, path: single ? root : join(root, safePath(file.path)) }))
  const there = await alreadyThere(targets)
  const taken = targets.filter(({ path }) => there.get(path) === 'other').map(({ path }) => path)
  if (taken.length > 0 && invocation.flags['force'] !== true) {
    const more = taken.length > 1 ? ` and ${taken.length - 1} more` : ''
    throw new Error(`${taken[0]}${more} is there with other content; nothing was written\nWrite over it: --force`)
  }
  const wantedFiles = targets.filter(({ path }) => there.get(path) !== 'same')
  for (const [at, { file, path }] of wantedFiles.entries()) {
    out.progress(`${at + 1} of ${wantedFiles.length}: ${file.path === '' ? wanted.name : file.path}`)
    await bring(client, { params, query }, file, path)
  }
  out.data({ ...params, path: root, written: wantedFiles.length, there: targets.length - wantedFiles.length })
  out.line(
    `${params.name}@${params.version} lies in ${root}: ${wantedFiles.length} written, ${targets.length - wantedFiles.length} there before`,
  )
  return 0
}

async function alreadyThere(
  targets: readonly { readonly file: File; readonly path: string }[],
): Promise<Map<string, 'same' | 'other'>> {
  const found = new Map<string, 'same' | 'other'>()
  for (const { file, path } of targets) {
    const stats = await ifMissing(stat(path))
    if (stats === undefined) continue
    const isSame = stats.isFile() && stats.size === file.size && (await digestOf(path)) === file.digest
    found.set(path, isSame ? 'same' : 'other')
  }
  return found
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const part of createReadStream(path)) hash.update(part as Buffer)
  return `sha256:${hash.digest('hex')}`
}

/** A connection that breaks is opened again so often. */
const TRIES = 5

/** Writes one file of a version, which goes on where it broke off. Throws where its bytes are not those of its digest. */
export async function bring(
  client: Client,
  { params, query }: { params: { name: string; version: string }; query: { project?: string } },
  file: File,
  path: string,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const part = `${path}.${file.digest.slice(7, 19)}.part`
  for (let tries = 1; ; tries++) {
    const before = (await ifMissing(stat(part)))?.size ?? 0
    try {
      const from = Math.min(before, file.size)
      const reply = await client.open(dataSetsApi.readDataFile, { params, query: { ...query, path: file.path, from } })
      const body = Readable.fromWeb((reply.body ?? new Blob([]).stream()) as ReadableStream<Uint8Array>)
      await pipeline(body, createWriteStream(part, { flags: from === 0 ? 'w' : 'a' }))
      break
    } catch (error) {
      const after = (await ifMissing(stat(part)))?.size ?? 0
      if (tries >= TRIES || after === before) throw error
    }
  }
  if ((await digestOf(part)) !== file.digest) {
    await rm(part)
    throw new Error(`${path} came with other bytes than its digest says; what came was deleted, so run it again`)
  }
  await rename(part, path)
}

/** The ending that a single file had, where that is known. */
function endingOf(made: MadeBy): string {
  if (made.kind === 'features') return '.parquet'
  return made.kind === 'files' ? extname(made.place ?? '') : ''
}
