/** Sources that are files of a package: of its wheel or source archive in the package index, held against the hash that the index tells. */
import { createHash } from 'node:crypto'
import { problem } from '../../../contract/errors.ts'
import { wholeBody, type StreamReply } from '../../../http/egress-stream.ts'
import { putManifest, type TreeFile } from '../../../store/blobs/trees.ts'
import type { Place } from '../../spec/external/source.ts'
import { SourceAway, type Asked, type Reading } from './asked.ts'
import { reached } from './http.ts'
import { packageMembers } from './package-members.ts'

type PypiPlace = Extract<Place, { kind: 'pypi' }>

/** Largest list of a package's files, and largest of them: it is opened in memory. */
const MOST_LIST = 64 * 1024 * 1024
const MOST_FILE = 512 * 1024 * 1024

/** A wheel or a source archive in the index. */
interface Listed {
  readonly filename: string
  readonly url: string
  readonly sha256: string
  readonly at: number
}

/** Reads files of a package. It is unchanged where the index tells the same wheel or archive with the same hash. */
export async function readPypi({ place, blobs, http, access, before, limits }: Asked<PypiPlace>): Promise<Reading> {
  const found = await findPackage(place, http, access.index)
  const token = `${found.filename} ${found.sha256}`
  if (token === before) return 'unchanged'
  const reply = await reached(http({ method: 'GET', url: found.url, headers: { 'accept-encoding': 'identity' } }))
  const bytes = await reached(bodyOf(reply, MOST_FILE, found.filename))
  limits.check()
  const hash = createHash('sha256').update(bytes).digest('hex')
  if (hash !== found.sha256)
    throw new SourceAway(`${found.filename} is not what the index says: its hash is ${hash}, not ${found.sha256}`)
  const files: TreeFile[] = []
  for (const member of await packageMembers(bytes, found.filename, place.files)) {
    limits.take(member.size)
    limits.check()
    const { digest, size } = await blobs.put(member.content())
    files.push({ path: member.path, size, digest, executable: false })
  }
  const version = `${found.filename} sha256:${found.sha256}`
  return { tree: await putManifest(blobs, files), version, dataAt: Number.isNaN(found.at) ? null : found.at, token }
}

/** The wheel of the version: the one for every machine, else the first by name; without any the archive of its source. */
async function findPackage(
  { package: asked }: PypiPlace,
  http: Asked<PypiPlace>['http'],
  index: string,
): Promise<Listed> {
  const [name = '', version = ''] = asked.split('==')
  const normal = name.toLowerCase().replace(/[-_.]+/g, '-')
  const page = new URL(`${index.replace(/\/+$/, '')}/${normal}/`)
  const basic =
    page.username === ''
      ? undefined
      : Buffer.from(`${decodeURIComponent(page.username)}:${decodeURIComponent(page.password)}`)
  page.username = page.password = ''
  const headers = {
    accept: 'application/vnd.pypi.simple.v1+json',
    ...(basic !== undefined && { authorization: `Basic ${basic.toString('base64')}` }),
  }
  const reply = await reached(http({ method: 'GET', url: page.href, headers }))
  const list = await reached(bodyOf(reply, MOST_LIST, `the package index, asked for ${name}`))
  const begins = `${normal.replaceAll('-', '_')}-${version.toLowerCase()}-`
  const all = filesOf(list, page)
  const wheels = all
    .filter(({ filename }) => filename.endsWith('.whl') && spelt(filename).startsWith(begins))
    .toSorted((a, b) => (a.filename < b.filename ? -1 : 1))
  const found =
    wheels.find(({ filename }) => filename.endsWith('-none-any.whl')) ??
    wheels[0] ??
    sourceOf(all, `${name}-${version}`)
  if (found === undefined)
    throw problem('unprocessable', { detail: `the package index has no wheel and no .tar.gz of ${asked}` })
  return found
}

/** Names of source archives have dashes and dots as their authors wrote them. */
function sourceOf(all: readonly Listed[], named: string): Listed | undefined {
  return all.find(({ filename }) => filename.endsWith('.tar.gz') && plain(filename) === plain(`${named}.tar.gz`))
}

function plain(text: string): string {
  return text.toLowerCase().replace(/[-_.]+/g, '-')
}

/** A name of a wheel with its project as the index compares it. */
function spelt(filename: string): string {
  const [project = '', ...rest] = filename.toLowerCase().split('-')
  return [project.replace(/[-_.]+/g, '_'), ...rest].join('-')
}

/** The files with hashes that an index lists, by PEP 691. */
function filesOf(list: Buffer, page: URL): Listed[] {
  try {
    const { files } = JSON.parse(list.toString('utf8')) as { files: Record<string, unknown>[] }
    return files.flatMap((file) => {
      const hashes = file['hashes'] as { sha256?: unknown } | undefined
      if (typeof hashes?.sha256 !== 'string') return []
      const url = new URL(String(file['url']), page).href
      return [
        { filename: String(file['filename']), url, sha256: hashes.sha256, at: Date.parse(String(file['upload-time'])) },
      ]
    })
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error
    throw problem(
      'unprocessable',
      { detail: `${page.host} does not list packages as PEP 691 says (application/vnd.pypi.simple.v1+json)` },
      error,
    )
  }
}

async function bodyOf(reply: StreamReply, most: number, what: string): Promise<Buffer> {
  if (reply.status === 200) return wholeBody(reply, most, what)
  reply.body.on('error', () => undefined).destroy()
  if (reply.status >= 500 || reply.status === 429) throw new SourceAway(`${what}: the server answered ${reply.status}`)
  throw problem('unprocessable', { detail: `${what}: the server answered ${reply.status}` })
}
