/** The folders of the UI: what may import what, no circle by value or by type, none with too many files. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'

const ROOT = import.meta.dirname
/** From the foundation up: a folder imports only itself and those before it. */
const ORDER = ['data', 'charts', 'parts', 'pages', '.']
const MOST_FILES = 25

interface Import {
  readonly from: string
  readonly to: string
}

function sources(): string[] {
  return readdirSync(ROOT, { recursive: true, encoding: 'utf8' }).filter(
    (path) => /\.tsx?$/.test(path) && !/\.test\./.test(path),
  )
}

/** Imports between files of the UI, those of types included; paths are relative to `web`. */
function imports(): Import[] {
  return sources().flatMap((from) => {
    const text = readFileSync(join(ROOT, from), 'utf8')
    const found = text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']+)'/g)
    return [...found].flatMap(([, path = '']) => {
      const to = relative(ROOT, resolve(ROOT, dirname(from), path))
      return to.startsWith('..') ? [] : [{ from, to }]
    })
  })
}

function top(path: string): string {
  return path.includes('/') ? (path.split('/')[0] ?? '') : '.'
}

/** The first circle that following edges finds, as the names on it. */
function circle(edges: readonly Import[]): string[] | undefined {
  const next = Map.groupBy(edges, (edge) => edge.from)
  const done = new Set<string>()
  const visit = (at: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(at)) return [...path.slice(path.indexOf(at)), at]
    if (done.has(at)) return undefined
    for (const { to } of next.get(at) ?? []) {
      const found = visit(to, [...path, at])
      if (found !== undefined) return found
    }
    done.add(at)
    return undefined
  }
  for (const start of next.keys()) {
    const found = visit(start, [])
    if (found !== undefined) return found
  }
  return undefined
}

test('the finder of circles finds one, and none where there is none', () => {
  const edge = (text: string): Import => ({ from: text.charAt(0), to: text.charAt(1) })
  assert.equal(circle(['ab', 'ac', 'bc', 'cd'].map(edge)), undefined)
  assert.deepEqual(circle(['ab', 'bc', 'cd', 'db'].map(edge)), ['b', 'c', 'd', 'b'])
  assert.ok(imports().length > 400, 'the imports were not read')
})

test('data knows no chart, charts no part, parts no page', () => {
  const wrong = imports().filter(({ from, to }) => ORDER.indexOf(top(to)) > ORDER.indexOf(top(from)))
  assert.deepEqual(
    wrong.map(({ from, to }) => `${from} imports ${to}`),
    [],
  )
})

test('no file leads back to itself, whether by value or by type', () => {
  assert.equal(circle(imports()), undefined)
})

test('no folder leads back to itself', () => {
  const between = imports()
    .map(({ from, to }) => ({ from: dirname(from), to: dirname(to) }))
    .filter(({ from, to }) => from !== to)
  assert.equal(circle(between), undefined)
})

test('a folder has few enough files to be taken in at once', () => {
  const folders = Map.groupBy(sources(), (path) => dirname(path))
  const full = [...folders].filter(([, files]) => files.length > MOST_FILES)
  assert.deepEqual(
    full.map(([folder, files]) => `${folder}: ${files.length}`),
    [],
  )
})
