/** Finds what the `source` of a new version means: its run, its logged model, its files. */
import type { Principal } from '../../contract/access.ts'
import { Problem } from '../../contract/errors.ts'
import { placeOfUri } from '../../tracking/context/paths.ts'
import type { ArtifactPlace } from '../../tracking/context/paths.ts'
import { artifactFiles } from '../../tracking/artifacts/artifacts.ts'
import type { ArtifactFile } from '../../tracking/artifacts/artifacts.ts'
import { requireLoggedModel } from '../../tracking/models/logged-models.ts'
import { searchLoggedModels } from '../../tracking/models/search.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { requireRun } from '../../tracking/runs/runs.ts'
import { invalid } from '../../mlflow/wire.ts'
import { localPath, notContained, readSource, unfit } from './source-uri.ts'
import type { SourceUri } from './source-uri.ts'
import type { Registry, VersionRow } from '../context/context.ts'
import { isPrompt, wireModel, wireVersion, newestVersion, versionByAlias } from './wire-read.ts'

export interface SourceRequest {
  readonly source: string
  readonly run_id: string | undefined
  readonly model_id: string | undefined
}

/** A checked source. Files are those that the server has; none for what lies elsewhere. */
export interface Source {
  readonly source: string
  /** Where a client downloads from when the server has no files. */
  readonly storage: string
  readonly run_id: string | null
  readonly model_id: string | null
  readonly files: readonly ArtifactFile[]
  /** The version that is copied, with its tree. */
  readonly from: VersionRow | null
}

/**
 * Resolves the source of a version that `who` registers. It must lie in a run, logged model or version that they may see;
 * throws INVALID_PARAMETER_VALUE otherwise, without telling whether such a thing exists.
 */
export async function resolveSource(
  room: Registry,
  tracking: Tracking,
  who: Principal,
  asked: SourceRequest,
): Promise<Source> {
  const uri = readSource(asked.source)
  const given = { ...asked, run_id: asked.run_id || undefined, model_id: asked.model_id || undefined }
  if (uri.kind === 'version') return fromVersion(room, who, given, uri)
  if (uri.kind === 'logged_model') return fromLoggedModel(tracking, who, given, uri.model_id)
  if (uri.kind === 'run') return fromRun(tracking, who, given, uri)
  return fromPlace(tracking, who, given, uri)
}

async function fromVersion(
  room: Registry,
  who: Principal,
  asked: SourceRequest,
  uri: SourceUri & { kind: 'version' },
): Promise<Source> {
  const model = await wireModel(room.db, who, uri.name)
  if (await isPrompt(room.db, model.name)) {
    throw invalid(
      `Invalid model version source: '${asked.source}'. Prompt versions cannot be used as model version sources.`,
    )
  }
  const from = await namedVersion(room, who, uri)
  if (differs(asked.run_id, from.run_id) || differs(asked.model_id, from.model_id)) {
    throw invalid(
      `Invalid model version source: '${asked.source}'. The run_id and model_id request parameters must match the ` +
        'referenced model version.',
    )
  }
  return {
    source: `models:/${from.model}/${from.version}`,
    storage: from.storage,
    run_id: from.run_id,
    model_id: from.model_id,
    files: [],
    from,
  }
}

async function namedVersion(room: Registry, who: Principal, uri: SourceUri & { kind: 'version' }): Promise<VersionRow> {
  if (uri.alias) return versionByAlias(room.db, who, uri.name, uri.suffix)
  if (/^\d+$/.test(uri.suffix)) return wireVersion(room.db, who, uri.name, uri.suffix)
  return newestVersion(room.db, who, uri.name, uri.suffix.toLowerCase() === 'latest' ? undefined : uri.suffix)
}

function differs(asked: string | undefined, is: string | null): boolean {
  return asked !== undefined && asked !== (is ?? undefined)
}

async function fromLoggedModel(
  tracking: Tracking,
  who: Principal,
  asked: SourceRequest,
  modelId: string,
): Promise<Source> {
  if (asked.model_id !== undefined && asked.model_id !== modelId) throw unfit(asked.source, 'model_id')
  const model = await orUnfit(asked.source, 'model_id', requireLoggedModel(tracking.db, who, modelId))
  return {
    source: asked.source,
    storage: model.artifact_uri,
    run_id: asked.run_id ?? model.source_run_id,
    model_id: model.model_id,
    files: await artifactFiles(tracking.db, model.artifact_uri),
    from: null,
  }
}

/** The folder of a run; where the run has no such folder, the model that it logged by that name. */
async function fromRun(
  tracking: Tracking,
  who: Principal,
  asked: SourceRequest,
  uri: SourceUri & { kind: 'run' },
): Promise<Source> {
  if (asked.model_id !== undefined || (asked.run_id ?? uri.run_id) !== uri.run_id) throw unfit(asked.source, 'run_id')
  const known = await requireRun(tracking.db, who, uri.run_id).catch(absent)
  // a version may name a run of another server, which then must be named twice; a hidden run reads the same
  if (known === undefined && asked.run_id === uri.run_id) {
    return { source: asked.source, storage: asked.source, run_id: uri.run_id, model_id: null, files: [], from: null }
  }
  const run = known ?? raiseUnfit(asked.source, 'run_id')
  const files = within(await artifactFiles(tracking.db, run.artifact_uri), uri.path)
  const found = { source: asked.source, storage: asked.source, run_id: run.run_id, from: null }
  if (files.length > 0) return { ...found, model_id: null, files }
  const { models } = await searchLoggedModels(tracking, who, {
    experiment_ids: [run.experiment_id],
    filter: `source_run_id = '${run.run_id}'`,
    datasets: [],
    order_by: [],
    max_results: 1000,
    page_token: undefined,
  })
  const logged = models.find((one) => one.info['name'] === uri.path)
  const place = typeof logged?.info['artifact_uri'] === 'string' ? logged.info['artifact_uri'] : undefined
  if (logged === undefined || place === undefined) return { ...found, model_id: null, files: [] }
  return { ...found, model_id: String(logged.info['model_id']), files: await artifactFiles(tracking.db, place) }
}

/** A place by its own address: inside the artifacts of the named run or logged model, or not kept by this server at all. */
async function fromPlace(
  tracking: Tracking,
  who: Principal,
  asked: SourceRequest,
  uri: SourceUri & { kind: 'proxied' | 'local' | 'foreign' },
): Promise<Source> {
  const owner = await ownerOf(tracking, who, asked)
  const found = {
    source: asked.source,
    storage: asked.source,
    run_id: owner.run_id,
    model_id: owner.model_id,
    from: null,
  }
  if (uri.kind === 'foreign') return { ...found, files: [] }
  if (uri.kind === 'local') {
    if (!isBelow(uri.path, localPath(owner.root))) throw notContained(asked.source, owner.parameter)
    return { ...found, files: [] }
  }
  const place = sharedPlace(uri.uri, owner.root)
  if (place === undefined) throw unfit(asked.source, owner.parameter)
  return { ...found, files: within(await artifactFiles(tracking.db, uri.uri), place.path) }
}

function isBelow(path: string, root: string): boolean {
  return path !== '' && root !== '' && (path === root || path.startsWith(`${root}/`))
}

/** The place of a proxied address when it belongs to the owner of another one. */
function sharedPlace(uri: string, root: string): ArtifactPlace | undefined {
  const [place, own] = [placeOfUri(uri), placeOfUri(root)]
  const same = own !== undefined && own.owner !== '' && place?.owner === own.owner && hostOf(uri) === hostOf(root)
  return same ? place : undefined
}

function hostOf(uri: string): string {
  return /^[^:]+:\/\/([^/]*)/.exec(uri)?.[1] ?? ''
}

interface Owner {
  readonly parameter: 'run_id' | 'model_id'
  /** Where its artifacts are; '' = unknown. */
  readonly root: string
  readonly run_id: string | null
  readonly model_id: string | null
}

async function ownerOf(tracking: Tracking, who: Principal, asked: SourceRequest): Promise<Owner> {
  const { source, run_id, model_id } = asked
  if (model_id !== undefined) {
    const model = await orUnfit(source, 'model_id', requireLoggedModel(tracking.db, who, model_id))
    return { parameter: 'model_id', root: model.artifact_uri, run_id: run_id ?? model.source_run_id, model_id }
  }
  // a foreign place may come from a run of another server
  const run = run_id === undefined ? undefined : await requireRun(tracking.db, who, run_id).catch(absent)
  return { parameter: 'run_id', root: run?.artifact_uri ?? '', run_id: run_id ?? null, model_id: null }
}

function raiseUnfit(source: string, parameter: 'run_id' | 'model_id'): never {
  throw unfit(source, parameter)
}

function absent(error: unknown): undefined {
  if (error instanceof Problem && error.code === 'not_found') return undefined
  throw error
}

async function orUnfit<T>(source: string, parameter: 'run_id' | 'model_id', found: Promise<T>): Promise<T> {
  const value = await found.catch(absent)
  if (value === undefined) throw unfit(source, parameter)
  return value
}

/** The files of a folder, by their paths in it. */
function within(files: readonly ArtifactFile[], path: string): ArtifactFile[] {
  if (path === '') return [...files]
  return files
    .filter((file) => file.path.startsWith(`${path}/`))
    .map((file) => ({ ...file, path: file.path.slice(path.length + 1) }))
}
