/** Routes of data sets: parse, check whose project it is, call, reply. */
import { dataSetsApi } from '../contract/data/sets.ts'
import { problem } from '../contract/errors.ts'
import { attachmentHeaders } from '../http/attachment.ts'
import { mount, Raw, type Mounted } from '../http/mount.ts'
import { keepOwner } from '../store/blobs/owners.ts'
import { putArchive, treeFiles } from '../store/blobs/trees.ts'
import type { DataContext } from './context.ts'
import { Diffs } from './diffs.ts'
import { citationsOf } from './kept.ts'
import { addGiven, describeVersion, removeVersion } from './sets.ts'
import {
  columnsOf,
  listSets,
  listVersions,
  requireSet,
  requireVersion,
  versionsWith,
  viewSet,
  viewVersion,
} from './rows.ts'

/** What the files of a version may be at most. */
const LIMITS = { bytes: 100 * 1024 * 1024 * 1024, files: 100_000 }

export function dataRoutes(context: DataContext): Mounted[] {
  return [...setRoutes(context), ...versionRoutes(context), ...fileRoutes(context)]
}

function setRoutes(context: DataContext): Mounted[] {
  const { db, blobs } = context
  return [
    mount(dataSetsApi.uploadData, async ({ body, who }) =>
      keepOwner(db, who, await putArchive(blobs, body, LIMITS), context.clock()),
    ),
    mount(dataSetsApi.addDataVersion, async ({ body, who }) => {
      const { row, added } = await addGiven(context, who, body)
      return { ...viewVersion(row), added }
    }),
    mount(dataSetsApi.listDataSets, async ({ query, who }) => {
      const project = who.project ?? query.project
      const rows = await listSets(db, { project, after: positionOf(query.page_token), limit: query.limit + 1 })
      const items = await Promise.all(rows.slice(0, query.limit).map((row) => viewSet(db, row)))
      const last = rows.length > query.limit ? items.at(-1) : undefined
      return { items, ...(last !== undefined && { next_page_token: tokenOf(last.project, last.name) }) }
    }),
    mount(dataSetsApi.findDataVersions, async ({ query, who }) => {
      const found = await Promise.all(
        [...new Set(query.digest)].map(async (asked) => {
          const rows = await versionsWith(db, who.project, asked)
          return rows.map((row) => ({ asked, ...row }))
        }),
      )
      return { items: found.flat() }
    }),
    mount(dataSetsApi.getDataSet, async ({ params, query, who }) => {
      const set = await requireSet(db, who, { ...params, ...query })
      return { ...(await viewSet(db, set)), items: (await listVersions(db, set)).map(viewVersion) }
    }),
  ]
}

function versionRoutes(context: DataContext): Mounted[] {
  const { db } = context
  const diffs = new Diffs(context)
  return [
    mount(dataSetsApi.getDataVersion, async ({ params, query, who }) => {
      const row = await requireVersion(db, await requireSet(db, who, { ...params, ...query }), params.version)
      const [columns, cited] = [await columnsOf(db, row), await citationsOf(db, row.project, row.digest)]
      return { ...viewVersion(row), columns, cited }
    }),
    mount(dataSetsApi.changeDataVersion, async ({ params, query, body, who }) =>
      viewVersion(await describeVersion(context, who, { ...params, ...query }, { ...body, wanted: params.version })),
    ),
    mount(dataSetsApi.removeDataVersion, async ({ params, query, who }) => {
      const asked = { wanted: params.version, force: query.force === 'true' }
      await removeVersion(context, who, { name: params.name, project: query.project }, asked)
      return {}
    }),
    mount(dataSetsApi.compareData, async ({ params, query, who }) => {
      const set = await requireSet(db, who, { name: params.name, project: query.project })
      const before = await requireVersion(db, set, params.version)
      const other =
        query.other === undefined ? set : await requireSet(db, who, { name: query.other, project: set.project })
      const after = await requireVersion(db, other, query.to)
      const diff = await diffs.between(before, after, [query.key ?? []].flat())
      return {
        state: diff === undefined ? ('comparing' as const) : ('done' as const),
        before: viewVersion(before),
        after: viewVersion(after),
        diff: diff ?? null,
      }
    }),
  ]
}

function fileRoutes({ db, blobs }: DataContext): Mounted[] {
  return [
    mount(dataSetsApi.listDataFiles, async ({ params, query, who }) => {
      const row = await requireVersion(db, await requireSet(db, who, { ...params, ...query }), params.version)
      const files = await treeFiles(blobs, row.digest)
      return { items: files.map(({ path, size, digest }) => ({ path, size, digest })) }
    }),
    mount(dataSetsApi.readDataFile, async ({ params, query, who }) => {
      const set = await requireSet(db, who, { name: params.name, project: query.project })
      const row = await requireVersion(db, set, params.version)
      const file = (await treeFiles(blobs, row.digest)).find(({ path }) => path === query.path)
      if (file === undefined) throw problem('not_found', { what: 'file of the version', id: query.path })
      const { from } = query
      if (from > file.size)
        throw problem('invalid_field', { field: 'from', value: from, expected: `at most ${file.size}, its size` })
      const headers = attachmentHeaders(query.path === '' ? row.name : query.path, { size: file.size - from })
      if (from === file.size && from > 0) return new Raw(200, headers, '')
      const range = from === 0 ? undefined : { start: from, end: file.size - 1 }
      return new Raw(200, headers, (await blobs.read(file.digest, range)).stream)
    }),
  ]
}

function tokenOf(project: string, name: string): string {
  return Buffer.from(JSON.stringify([project, name])).toString('base64url')
}

/** Throws `invalid_field` for what is no token of a page. */
function positionOf(token: string | undefined): [string, string] | undefined {
  if (token === undefined) return undefined
  const match = /^\["([^"\\]{1,256})","([^"\\]{1,256})"\]$/.exec(Buffer.from(token, 'base64url').toString('utf8'))
  if (match === null)
    throw problem('invalid_field', { field: 'query.page_token', value: token, expected: 'a token of a page' })
  return [match[1] ?? '', match[2] ?? '']
}
