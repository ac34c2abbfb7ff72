/** `slipway data add`: files or the output of a step become a version of a data set. */
import { readdir, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import type { Client } from '../../client/client.ts'
import { ifMissing } from '../../contract/absence/absent.ts'
import { dataSetsApi } from '../../contract/data/sets.ts'
import { toTime } from '../../contract/fields.ts'
import { writeArchive, type PackedFile } from '../../store/blobs/archive.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { projectFlag } from './names.ts'

const WAYS = 'slipway data add NAME PATH, or slipway data add NAME --run RUN --output STEP.OUT'

export async function add(client: Client, invocation: Invocation, args: readonly string[]): Promise<number> {
  const [name = '', path] = args
  const { out } = invocation
  const [run, output] = [text(invocation, 'run'), text(invocation, 'output')]
  if ((path === undefined) === (run === undefined) || (run === undefined) !== (output === undefined))
    throw new UsageError(`data add needs files or a run: ${WAYS}`)
  const content = path === undefined ? ofRun(run ?? '', output ?? '') : await upload(client, invocation, path)
  const body = { name, ...projectFlag(invocation), ...described(invocation), ...content }
  const made = await client.call(dataSetsApi.addDataVersion, { body })
  out.data(made)
  const id = `${made.name}@${made.version}`
  out.line(made.added ? `added ${id}: ${made.digest}` : `${id} has this content already: ${made.digest}`)
  if (made.state === 'profiling') out.line(`it is being profiled; see it: slipway data show ${id}`)
  return 0
}

function ofRun(run: string, output: string) {
  const match = /^([^.]+)\.([^.]+)$/.exec(output)
  if (match === null) throw new UsageError(`--output is "${output}"; expected STEP.OUT, for example features.train`)
  return { step: { run, step: match[1] ?? '', output: match[2] ?? '' } }
}

function described(invocation: Invocation) {
  const note = text(invocation, 'note')
  const given = [(invocation.flags['tag'] as readonly string[] | undefined) ?? []].flat()
  const tags = given.map((one) => {
    const at = one.indexOf('=')
    if (at < 1) throw new UsageError(`--tag is "${one}"; expected NAME=VALUE`)
    return [one.slice(0, at), one.slice(at + 1)] as const
  })
  return { ...(note !== undefined && { note }), tags: Object.fromEntries(tags) }
}

/** Sends a file or folder; what comes back names its content. Throws UsageError where nothing is there. */
export async function upload(client: Client, { out }: Invocation, path: string) {
  const root = resolve(path)
  const found = await ifMissing(stat(root))
  if (found === undefined) throw new UsageError(`there is no file or folder ${path}`)
  const single = found.isFile()
  const files = single ? [packed(basename(root), root, found)] : await filesBelow(root, '')
  if (files.length === 0) throw new UsageError(`the folder ${path} has no files`)
  const bytes = files.reduce((sum, { size }) => sum + size, 0)
  out.progress(`uploading ${files.length} ${files.length === 1 ? 'file' : 'files'}, ${bytes} bytes`)
  const { digest } = await client.call(dataSetsApi.uploadData, {
    body: Readable.toWeb(Readable.from(writeArchive(files))),
  })
  const newest = files.reduce((most, { changed }) => Math.max(most, changed), 0)
  return { tree: digest, single, place: basename(root), data_at: toTime(Math.round(newest)) }
}

type Found = PackedFile & { readonly changed: number }

function packed(path: string, source: string, { size, mtimeMs }: { size: number; mtimeMs: number }): Found {
  return { path, size, executable: false, source, changed: mtimeMs }
}

/** Links and special files are refused: what they lead to may be anywhere. */
async function filesBelow(root: string, below: string): Promise<Found[]> {
  const found: Found[] = []
  for (const entry of await readdir(join(root, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    if (entry.isDirectory()) found.push(...(await filesBelow(root, path)))
    else if (entry.isFile()) found.push(packed(path, join(root, path), await stat(join(root, path))))
    else throw new UsageError(`${path} is a link or a special file; a data set holds files`)
  }
  return found.toSorted((a, b) => (a.path < b.path ? -1 : 1))
}
