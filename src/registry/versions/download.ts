/** The files of a version for clients, from its tree: what was registered, whatever became of the run since. */
import { randomBytes } from 'node:crypto'
import { posix } from 'node:path'
import type { Principal } from '../../contract/access.ts'
import { route } from '../../contract/route.ts'
import type { Route } from '../../contract/route.ts'
import { mount } from '../../http/mount.ts'
import type { Call, Mounted, Raw } from '../../http/mount.ts'
import { treeFiles } from '../../store/blobs/trees.ts'
import type { TreeFile } from '../../store/blobs/trees.ts'
import { presigned } from '../../tracking/artifacts/links.ts'
import { safePath } from '../../tracking/context/paths.ts'
import { folder } from '../../tracking/artifacts/artifacts.ts'
import { fileReply } from '../../tracking/artifacts/file-reply.ts'
import { linkReply } from '../../tracking/artifacts/run-files.ts'
import { missing, mlflowFailure } from '../../mlflow/wire.ts'
import { callInWorkspace } from '../../mlflow/workspace.ts'
import type { Registry, VersionRow } from '../context/context.ts'
import { wireVersion } from './wire-read.ts'

const READ = { verb: 'read', resource: 'models' } as const
const PREFIXES = ['/api/2.0', '/ajax-api/2.0'] as const
/** Clients of an `http:` artifact address ask for `…/mlflow-artifacts/artifacts` below it. */
const PROXY = '/v1/models/:name/versions/:version/mlflow-artifacts/artifacts'

/** Where a client downloads a version from, its files' own address on this server where the server has them. */
export function downloadRoutes(room: Registry): Mounted[] {
  const address = PREFIXES.map((prefix) =>
    on({
      path: `${prefix}/mlflow/model-versions/get-download-uri`,
      summary: 'Where the files of a version are',
      handle: async (call) => {
        const { name, version } = asked(call)
        return { artifact_uri: downloadUri(call.origin, await wireVersion(room.db, call.who, name, version)) }
      },
    }),
  )
  return [
    ...address,
    on({ path: PROXY, summary: 'List the files of a version', handle: (call) => list(room, call) }),
    on({
      path: `${PROXY}/*`,
      summary: 'Download a file of a version',
      reply: 'stream',
      handle: (call) => {
        const given = call.params as Record<string, string>
        return file(room, call.who, {
          name: given['name'] ?? '',
          version: given['version'] ?? '',
          path: given['*'] ?? '',
        })
      },
    }),
    // MLflow's own clients join an address that ends in a slash
    ...['', '/', ...PREFIXES.map((prefix) => `${prefix}/mlflow`)].map((prefix) =>
      on({
        path: `${prefix}/model-versions/get-artifact`,
        summary: 'Download a file of a version',
        reply: 'stream',
        handle: (call) => {
          const wanted = { ...asked(call), path: call.search.get('path') ?? '' }
          return call.search.get('presigned') === 'true' ? link(room, call, wanted) : file(room, call.who, wanted)
        },
      }),
    ),
  ]
}

/** The address for clients; what only names a foreign place keeps that. */
export function downloadUri(origin: string, row: VersionRow): string {
  if (row.tree === null) return row.storage
  return `${origin}/v1/models/${encodeURIComponent(row.model)}/versions/${row.version}/mlflow-artifacts/artifacts`
}

interface Wanted {
  readonly path: string
  readonly summary: string
  readonly reply?: 'json' | 'stream'
  readonly handle: (call: Call) => Promise<unknown>
}

function on({ path, summary, reply = 'json', handle }: Wanted): Mounted {
  const description: Route = { method: 'GET', path, summary, access: READ, reply, dialect: 'mlflow' }
  const within = (call: Call) => handle(callInWorkspace(call))
  return mount(route(description), within as Parameters<typeof mount>[1], mlflowFailure)
}

function asked(call: Call): { name: string; version: string } {
  return { name: call.search.get('name') ?? '', version: call.search.get('version') ?? '' }
}

async function list(room: Registry, call: Call): Promise<object> {
  const { name, version } = call.params as { name: string; version: string }
  const row = await wireVersion(room.db, call.who, name, version)
  const files = row.tree === null ? [] : await treeFiles(room.blobs, row.tree)
  const entries = folder(files, safePath(call.search.get('path') ?? ''))
  return { files: entries.map((entry) => ({ ...entry, path: posix.basename(entry.path) })) }
}

interface WantedFile {
  readonly name: string
  readonly version: string
  readonly path: string
}

/** To read the version is enough, whoever may read the run that it came from. */
async function link(room: Registry, call: Call, wanted: WantedFile): Promise<Raw> {
  const path = safePath(wanted.path)
  const row = await wireVersion(room.db, call.who, wanted.name, wanted.version)
  const found = await fileOf(room, row, path)
  if (found === undefined) throw missing(`No such artifact: '${wanted.path}'`, 'artifact', wanted.path)
  return linkReply(await presigned({ ...room, random: randomBytes }, call, found))
}

async function file(room: Registry, who: Principal, wanted: WantedFile): Promise<Raw> {
  const path = safePath(wanted.path)
  const row = await wireVersion(room.db, who, wanted.name, wanted.version)
  const sent = await sendFile(room, row, path)
  if (sent === undefined) throw missing(`No such artifact: '${wanted.path}'`, 'artifact', wanted.path)
  return sent
}

/** One file of a version as an attachment that no browser shows; undefined when there is none by that path. */
export async function sendFile(room: Registry, row: Pick<VersionRow, 'tree'>, path: string): Promise<Raw | undefined> {
  const found = await fileOf(room, row, path)
  if (found === undefined) return undefined
  const { stream } = await room.blobs.read(found.digest)
  return fileReply({ path, length: found.size, stream }, 200, { etag: `"${found.digest}"` })
}

async function fileOf(room: Registry, row: Pick<VersionRow, 'tree'>, path: string): Promise<TreeFile | undefined> {
  const files = row.tree === null ? [] : await treeFiles(room.blobs, row.tree)
  return files.find((one) => one.path === path)
}
