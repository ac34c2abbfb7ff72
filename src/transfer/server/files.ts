/** The files of runs, logged models and traces, through an MLflow server. */
import { placeOfUri } from '../../tracking/context/paths.ts'
import { movedUri } from '../mlflow/places.ts'
import type { SourceFile } from '../send.ts'
import { pagesOf, textOf, wholeOf } from './calls.ts'
import type { MlflowServer } from './calls.ts'

/** How the files of one owner are listed and read. */
interface Place {
  /** The address that the server keeps them under. */
  readonly uri: string
  /** ms since 1970; the protocol does not say when a file was written. */
  readonly time: number
  readonly list: { readonly path: string; readonly query: Readonly<Record<string, string>>; readonly folder: string }
  readonly read: { readonly path: string; readonly query: Readonly<Record<string, string>>; readonly file: string }
}

/** Files of a run; none where they lie in a store beside the server, where they stay. */
export function runFiles(
  server: MlflowServer,
  run: { readonly id: string; readonly uri: string; readonly time: number },
): AsyncGenerator<SourceFile> {
  const query = { run_id: run.id }
  return filesOf(server, {
    ...run,
    list: { path: '/api/2.0/mlflow/artifacts/list', query, folder: 'path' },
    read: { path: '/get-artifact', query, file: 'path' },
  })
}

/** Files of a logged model. */
export function modelFiles(
  server: MlflowServer,
  model: { readonly id: string; readonly uri: string; readonly time: number },
): AsyncGenerator<SourceFile> {
  const base = `/ajax-api/2.0/mlflow/logged-models/${encodeURIComponent(model.id)}/artifacts`
  return filesOf(server, {
    ...model,
    list: { path: `${base}/directories`, query: {}, folder: 'artifact_directory_path' },
    read: { path: `${base}/files`, query: {}, file: 'artifact_file_path' },
  })
}

/** The file of spans that older servers keep with a trace. */
export function traceFile(
  server: MlflowServer,
  trace: { readonly id: string; readonly uri: string; readonly time: number },
): SourceFile | undefined {
  const owner = ownerOf(trace.uri)
  if (owner === '') return undefined
  const open = (): AsyncIterable<Uint8Array> =>
    server.bytes('/ajax-api/2.0/mlflow/get-trace-artifact', { request_id: trace.id })
  return { owner, path: 'traces.json', updated_at: trace.time, open }
}

function ownerOf(uri: string): string {
  return placeOfUri(movedUri(uri))?.owner ?? ''
}

async function* filesOf(server: MlflowServer, place: Place, below = ''): AsyncGenerator<SourceFile> {
  const owner = ownerOf(place.uri)
  if (owner === '') return
  const { list, read } = place
  const query = { ...list.query, ...(below !== '' && { [list.folder]: below }) }
  for await (const page of pagesOf(server, list.path, 'files', { query })) {
    for (const entry of page) {
      const path = textOf(entry['path']) ?? ''
      if (entry['is_dir'] === true) yield* filesOf(server, place, path)
      else {
        const size = wholeOf(entry['file_size'], undefined)
        const open = (): AsyncIterable<Uint8Array> =>
          server.bytes(read.path, { ...read.query, [read.file]: path }, size)
        yield { owner, path, updated_at: place.time, open }
      }
    }
  }
}
