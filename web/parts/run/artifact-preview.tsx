/** One file: an image, a table, text, or a page in a frame that may run nothing; never more than its first part is read. */
import { useQuery } from '@tanstack/react-query'
import { shapesOf } from '../../data/geojson.ts'
import { parseCsv, previewOf, tableOfJson } from '../../data/runs/artifacts.ts'
import type { Preview, StoredFile, TextTable } from '../../data/runs/artifacts.ts'
import { bytes, count } from '../../../src/contract/text/format.ts'
import { ShapeMap } from '../../charts/shape-map.tsx'
import { Empty, Failure, Loading } from '../page/placeholders.tsx'
import { Markdown } from '../text/markdown.tsx'
import { Scroll } from '../page/page.tsx'

/** The most bytes of a file that are read to show it, and rows of a table. */
const READ_BYTES = 512 * 1024
const ROWS = 200

export function ArtifactPreview({ file, address }: { file: StoredFile; address: string }) {
  const kind = previewOf(file.path)
  const name = file.path.split('/').at(-1) ?? file.path
  return (
    <section className="preview" aria-label={`Preview of ${file.path}`}>
      <header className="row">
        <strong className="break">{file.path}</strong>
        <span className="muted small">
          {bytes(file.size)}, <code title={file.digest}>{file.digest.slice(0, 15)}</code>
        </span>
        <a href={address} download={name} className="button">
          Download
        </a>
      </header>
      {kind === 'image' && <img src={address} alt={file.path} loading="lazy" />}
      {/* oxlint-disable-next-line jsx-a11y/media-has-caption -- what was logged has none */}
      {kind === 'audio' && <audio controls preload="none" src={address} />}
      {/* oxlint-disable-next-line jsx-a11y/media-has-caption -- what was logged has none */}
      {kind === 'video' && <video controls preload="none" src={address} />}
      {kind === 'none' && (
        <Empty title="No preview for this kind of file">Download it to look inside; it is never executed here.</Empty>
      )}
      {isText(kind) && <FromText kind={kind} file={file} address={address} />}
    </section>
  )
}

type TextKind = (typeof TEXTS)[number]

const TEXTS = ['table', 'json', 'map', 'markdown', 'text', 'page'] as const

function isText(kind: Preview): kind is TextKind {
  return TEXTS.some((one) => one === kind)
}

function FromText({ kind, file, address }: { kind: TextKind; file: StoredFile; address: string }) {
  const read = useQuery({
    queryKey: ['artifact', address, file.digest],
    queryFn: ({ signal }) => textOf(address, file.size, signal),
    staleTime: Infinity,
  })
  if (read.data === undefined) {
    if (read.error === null) return <Loading height={200} />
    return <Failure what="The file" error={read.error} retry={() => void read.refetch()} />
  }
  const cut = file.size > READ_BYTES
  return (
    <>
      <Shown kind={kind} path={file.path} text={read.data} cut={cut} />
      {cut && (
        <p className="muted small">
          The first {bytes(READ_BYTES)} of {bytes(file.size)}.
        </p>
      )}
    </>
  )
}

/** An empty file has no byte that a range could name. */
async function textOf(address: string, size: number, signal: AbortSignal): Promise<string> {
  if (size === 0) return ''
  const response = await fetch(address, { signal, headers: { range: `bytes=0-${Math.min(size, READ_BYTES) - 1}` } })
  if (!response.ok) throw new Error(`the server answered ${response.status}`)
  return response.text()
}

function Shown({ kind, path, text, cut }: { kind: TextKind; path: string; text: string; cut: boolean }) {
  if (kind === 'table') return <Table table={parseCsv(text, /\.tsv$/i.test(path) ? '\t' : ',', ROWS)} />
  if ((kind === 'json' || kind === 'map') && !cut) {
    const value = parsed(text)
    const shapes = kind === 'map' ? shapesOf(value) : []
    if (shapes.length > 0) return <ShapeMap label={`Map of ${path}`} shapes={shapes} />
    const table = tableOfJson(value, ROWS)
    if (table !== undefined) return <Table table={table} />
    if (value !== undefined) return <Text text={JSON.stringify(value, null, 2)} />
  }
  if (kind === 'markdown') return <Markdown text={text} />
  if (kind === 'page') {
    return (
      <>
        <p className="muted small">Shown without its scripts.</p>
        <iframe title={`Page ${path}`} sandbox="" srcDoc={text} />
      </>
    )
  }
  return <Text text={text} />
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function Text({ text }: { text: string }) {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- an area that scrolls must be reachable by keyboard
    <pre className="log" tabIndex={0} aria-label="Text of the file">
      {text === '' ? 'The file is empty.' : text}
    </pre>
  )
}

function Table({ table }: { table: TextTable }) {
  if (table.columns.length === 0) return <Empty title="The table is empty" />
  return (
    <>
      <Scroll label="Table of the file" className="sheet">
        <table>
          <thead>
            <tr>
              {table.columns.map((column, i) => (
                <th key={`${i} ${column}`}>{column}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {table.rows.map((row, i) => (
              <tr key={i}>
                {row.map((cell, place) => (
                  <td key={place}>{cell}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <p className="muted small">
        {count(table.rows.length)} rows{table.more && ' shown of more'}, {count(table.columns.length)} columns
      </p>
    </>
  )
}
