/** Files of a run: the tree they form, how each can be shown, and tables read from their text. */

export interface ArtifactFile {
  /** With slashes. */
  readonly path: string
  readonly size: number
}

/** A file with the digest of its bytes. */
export interface StoredFile extends ArtifactFile {
  readonly digest: string
}

/** A folder with what lies in it, or a file (no `children`). */
export interface TreeNode {
  readonly name: string
  readonly path: string
  /** Bytes, of a folder all together. */
  readonly size: number
  readonly children?: readonly TreeNode[]
}

/** Folders first, then files, both by name. */
export function treeOf(files: readonly ArtifactFile[], prefix = ''): TreeNode[] {
  const groups = Map.groupBy(files, ({ path }) => path.slice(prefix.length).split('/')[0] ?? '')
  const nodes = [...groups].map(([name, inside]): TreeNode => {
    const path = prefix + name
    const own = inside.find((file) => file.path === path)
    if (own !== undefined) return { name, path, size: own.size }
    const size = inside.reduce((sum, file) => sum + file.size, 0)
    return { name, path, size, children: treeOf(inside, `${path}/`) }
  })
  const rank = (node: TreeNode): number => (node.children === undefined ? 1 : 0)
  return nodes.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name, 'en', { numeric: true }))
}

export type Preview = 'image' | 'table' | 'json' | 'map' | 'markdown' | 'text' | 'page' | 'audio' | 'video' | 'none'

const KINDS: readonly (readonly [Preview, RegExp])[] = [
  ['image', /\.(?:png|jpe?g|gif|webp|svg|bmp|avif)$/i],
  ['audio', /\.(?:wav|mp3|ogg|flac|m4a)$/i],
  ['video', /\.(?:mp4|webm)$/i],
  ['table', /\.(?:csv|tsv)$/i],
  ['json', /\.(?:json|ipynb)$/i],
  ['map', /\.geojson$/i],
  ['markdown', /\.(?:md|markdown)$/i],
  ['page', /\.html?$/i],
  [
    'text',
    /\.(?:txt|log|ya?ml|toml|ini|cfg|py|r|sql|sh|jsonl|ndjson|xml|lock|patch|diff|ubj\.txt)$|(?:^|\/)(?:MLmodel|Dockerfile|README|LICENSE)$/i,
  ],
]

/** How a file is shown, judged by its name alone; the server decides nothing by it. */
export function previewOf(path: string): Preview {
  return KINDS.find(([, pattern]) => pattern.test(path))?.[0] ?? 'none'
}

export interface TextTable {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** True when the text had more rows. */
  readonly more: boolean
}

/** Reads CSV or TSV (RFC 4180: quotes, doubled quotes, line ends inside quotes); the first row names the columns. */
export function parseCsv(text: string, separator: ',' | '\t', most: number): TextTable {
  const rows: string[][] = []
  const fields =
    separator === ',' ? /("(?:[^"]|"")*"?|[^,\r\n]*)(,|\r?\n|$)/y : /("(?:[^"]|"")*"?|[^\t\r\n]*)(\t|\r?\n|$)/y
  let row: string[] = []
  while (fields.lastIndex < text.length && rows.length <= most + 1) {
    const match = fields.exec(text)
    if (match === null) break
    const [, raw = '', end] = match
    row.push(
      raw.startsWith('"')
        ? raw.slice(1, raw.endsWith('"') && raw.length > 1 ? -1 : undefined).replaceAll('""', '"')
        : raw,
    )
    if (end === separator) {
      // a text that ends with a separator ends with an empty field
      if (fields.lastIndex === text.length) row.push('')
      continue
    }
    rows.push(row)
    row = []
  }
  if (row.length > 0) rows.push(row)
  const [columns = [], ...body] = rows
  return { columns, rows: body.slice(0, most), more: body.length > most }
}

/** A table as mlflow.log_table writes it: `{"columns": […], "data": [[…]]}`; undefined for other JSON. */
export function tableOfJson(value: unknown, most: number): TextTable | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { columns, data } = value as { columns?: unknown; data?: unknown }
  if (!Array.isArray(columns) || !Array.isArray(data) || !data.every(Array.isArray)) return undefined
  return {
    columns: columns.map(String),
    rows: data.slice(0, most).map((row) => (row as unknown[]).map(cellText)),
    more: data.length > most,
  }
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** An image that was logged with a key and a step. */
export interface LoggedImage {
  readonly path: string
  readonly step: number
}

const IMAGE = /^images\/(.+)%step%(-?\d+)%timestamp%\d+%[^/]*?\.(?:png|jpe?g|gif|webp)$/

/** Images of mlflow.log_image by their key, each by step; the small copies that it makes are left out. */
export function imageSeries(files: readonly ArtifactFile[]): ReadonlyMap<string, LoggedImage[]> {
  const found = files.flatMap(({ path }) => {
    const match = IMAGE.exec(path.replaceAll('+', '%'))
    if (match === null || /[%+]compressed\./.test(path)) return []
    return [{ key: (match[1] ?? '').replaceAll('#', '/'), path, step: Number(match[2]) }]
  })
  const series = Map.groupBy(found, (one) => one.key)
  return new Map([...series].map(([key, list]) => [key, list.sort((a, b) => a.step - b.step)]))
}
