/** What an installation takes on disk, and what a browser loads to show the first page. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { megabytes } from '../table.ts'
import type { Row } from '../table.ts'

const ROOT = join(import.meta.dirname, '../..')

/** Rows of node_modules and of the web UI's first view (built before by the launcher or `npm run web`). */
export function size(): Promise<Row[]> {
  return Promise.resolve([installed(), firstView()])
}

function installed(): Row {
  const modules = join(ROOT, 'node_modules')
  const bytes = onDisk(modules)
  const largest = packages(modules)
    .map((name) => ({ name, bytes: onDisk(join(modules, name)) }))
    .toSorted((a, b) => b.bytes - a.bytes)
    .slice(0, 3)
  return {
    name: 'node_modules on disk',
    measured: `${megabytes(bytes)} (${largest.map((one) => `${one.name} ${(one.bytes / 1e6).toFixed(0)}`).join(', ')})`,
    target: '≤ 600 MB',
    beside: '',
    ok: bytes <= 600e6,
    figures: { bytes, largest },
  }
}

function packages(modules: string): string[] {
  const within = (scope: string): string[] => readdirSync(join(modules, scope)).map((name) => `${scope}/${name}`)
  return readdirSync(modules)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) => (name.startsWith('@') ? within(name) : [name]))
}

/** Disk blocks of a folder, links not followed, a file with several names counted once. */
function onDisk(path: string, seen = new Set<number>()): number {
  const { blocks, ino } = lstatSync(path)
  if (seen.has(ino)) return 0
  seen.add(ino)
  const isFolder = lstatSync(path).isDirectory()
  const inside = isFolder ? readdirSync(path).reduce((sum, name) => sum + onDisk(join(path, name), seen), 0) : 0
  return blocks * 512 + inside
}

/** The page names its scripts and styles; the scripts import others at once, and the rest only when it is needed. */
function firstView(): Row {
  const web = join(ROOT, 'dist/web')
  const html = readFileSync(join(web, 'index.html'), 'utf8')
  const named = [...html.matchAll(/(?:src|href)="\/([^"]+\.(?:js|css))"/g)].map((match) => match[1] ?? '')
  const files = new Set(named)
  for (const file of files) if (file.endsWith('.js')) for (const one of imported(web, file)) files.add(one)
  const all = readdirSync(join(web, 'assets')).map((name) => `assets/${name}`)
  const gzipped = (wanted: Iterable<string>, kind: string): number =>
    [...wanted]
      .filter((file) => file.endsWith(kind))
      .reduce((sum, file) => sum + gzipSync(readFileSync(join(web, file))).length, 0)
  const [first, styles, whole] = [gzipped(files, '.js'), gzipped(files, '.css'), gzipped(all, '.js')]
  return {
    name: 'UI, first view, gzipped',
    measured: `${kb(first)} JavaScript in ${[...files].filter((file) => file.endsWith('.js')).length} files, ${kb(styles)} CSS (all pages ${kb(whole)} JavaScript)`,
    target: '≤ 200 kB JavaScript',
    beside: '',
    ok: first <= 200e3,
    figures: { first_js_bytes: first, first_css_bytes: styles, all_js_bytes: whole },
  }
}

/** What a script imports statically, as paths below the web folder. */
function imported(web: string, file: string): string[] {
  const text = readFileSync(join(web, file), 'utf8')
  return [...text.matchAll(/(?:^|[;}\n])import(?:[\w${},*\s]*from)?"\.\/([^"]+\.js)"/g)].map(
    (match) => `assets/${match[1] ?? ''}`,
  )
}

function kb(bytes: number): string {
  return `${(bytes / 1000).toFixed(0)} kB`
}
