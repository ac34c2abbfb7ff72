/** Trees, tables and images of files: nothing is lost, whatever the names and whatever stands in the cells. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { property } from '../../../test/web/seeded.ts'
import type { Seeded } from '../../../test/web/seeded.ts'
import { imageSeries, parseCsv, previewOf, tableOfJson, treeOf } from './artifacts.ts'
import type { ArtifactFile, TreeNode } from './artifacts.ts'

/** Files with distinct paths, none of which is a folder of another. */
function filesOf(random: Seeded): ArtifactFile[] {
  const paths = new Set(
    random.list(20, () => {
      const folders = random.list(3, () => random.pick(['a', 'b', 'model', 'x y', '2', '10']))
      return [...folders, `${random.pick(['f', 'g', 'plot'])}${random.int(0, 30)}.txt`].join('/')
    }),
  )
  return [...paths].map((path) => ({ path, size: random.int(0, 1000) }))
}

function leaves(nodes: readonly TreeNode[]): TreeNode[] {
  return nodes.flatMap((node) => (node.children === undefined ? [node] : leaves(node.children)))
}

function folders(nodes: readonly TreeNode[]): TreeNode[] {
  return nodes.flatMap((node) => (node.children === undefined ? [] : [node, ...folders(node.children)]))
}

test('every file is in the tree once, with its path and its size', () => {
  property(200, (random) => {
    const files = filesOf(random)
    const found = leaves(treeOf(files)).map(({ path, size }) => `${path} ${size}`)
    assert.deepEqual(found.sort(), files.map(({ path, size }) => `${path} ${size}`).sort())
  })
})

test('a folder is as large as the files below it', () => {
  property(200, (random) => {
    const files = filesOf(random)
    for (const folder of folders(treeOf(files))) {
      const inside = files.filter(({ path }) => path.startsWith(`${folder.path}/`))
      assert.equal(
        folder.size,
        inside.reduce((sum, { size }) => sum + size, 0),
        folder.path,
      )
    }
  })
})

test('within a folder other folders come first, and numbers in names count as numbers', () => {
  property(100, (random) => {
    const check = (nodes: readonly TreeNode[]): void => {
      const kinds = nodes.map((node) => (node.children === undefined ? 1 : 0))
      assert.ok(!kinds.join('').includes('10'), 'a folder stands behind a file')
      for (const node of nodes) if (node.children !== undefined) check(node.children)
    }
    check(treeOf(filesOf(random)))
  })
  const names = treeOf(['epoch10.pt', 'epoch9.pt', 'epoch1.pt'].map((path) => ({ path, size: 1 }))).map(
    ({ name }) => name,
  )
  assert.deepEqual(names, ['epoch1.pt', 'epoch9.pt', 'epoch10.pt'])
})

test('a run without files has no tree', () => {
  assert.deepEqual(treeOf([]), [])
})

/** Writes a field as RFC 4180 says: quotes where they are needed, and sometimes where they are not. */
function written(cell: string, separator: string, always: boolean): string {
  const needs = cell.includes('"') || cell.includes(separator) || /[\r\n]/.test(cell)
  return needs || always ? `"${cell.replaceAll('"', '""')}"` : cell
}

for (const separator of [',', '\t'] as const) {
  test(`a table between ${separator === ',' ? 'commas' : 'tabs'} is read as it was written`, () => {
    property(300, (random) => {
      const width = random.int(1, 4)
      const cell = (): string => random.text(6)
      const row = (): string[] => Array.from({ length: width }, cell)
      const rows = [row(), ...random.list(5, row)]
      // a table of one empty field a row can not be told from an empty line
      if (width === 1) for (const one of rows) one[0] = `x${one[0]}`
      const end = random.pick(['\n', '\r\n'])
      const text = rows
        .map((one) => one.map((value) => written(value, separator, random.chance(0.3))).join(separator))
        .join(end)
      const last = random.chance(0.5) ? end : ''
      assert.deepEqual(parseCsv(text + last, separator, 100), { columns: rows[0], rows: rows.slice(1), more: false })
    })
  })
}

test('only so many rows are read, and it says whether there were more', () => {
  const text = ['n', ...Array.from({ length: 10 }, (_, i) => String(i))].join('\n')
  for (const most of [0, 1, 9, 10, 11]) {
    const table = parseCsv(text, ',', most)
    assert.equal(table.rows.length, Math.min(10, most), `${most}`)
    assert.equal(table.more, most < 10, `${most}`)
  }
})

test('a cut or broken table is read as far as it goes, and ends', () => {
  property(300, (random) => {
    const { columns, rows } = parseCsv(random.text(60), random.pick([',', '\t']), 5)
    assert.ok(rows.length <= 5)
    assert.ok([columns, ...rows].every((row) => row.every((cell) => typeof cell === 'string')))
  })
})

test('rows of different lengths stay as they are', () => {
  assert.deepEqual(parseCsv('a,b\n1\n1,2,3\n', ',', 9).rows, [['1'], ['1', '2', '3']])
})

test('a table of JSON keeps its values as text, and other JSON is no table', () => {
  property(200, (random) => {
    const columns = random.list(3, () => random.text(5))
    const data = random.list(5, () => columns.map(() => random.json(2)))
    const table = tableOfJson({ columns, data }, 3)
    assert.deepEqual(table?.columns, columns)
    assert.equal(table?.rows.length, Math.min(3, data.length))
    assert.equal(table?.more, data.length > 3)
    for (const [i, row] of (table?.rows ?? []).entries()) {
      for (const [place, cell] of row.entries()) {
        const value = data[i]?.[place]
        if (typeof value === 'string') assert.equal(cell, value)
        else if (value === null) assert.equal(cell, '')
        else assert.deepEqual(JSON.parse(cell), JSON.parse(JSON.stringify(value)))
      }
    }
  })
  for (const other of [
    null,
    1,
    'x',
    [],
    {},
    { columns: [] },
    { columns: [], data: {} },
    { columns: ['a'], data: [1] },
  ]) {
    assert.equal(tableOfJson(other, 5), undefined, JSON.stringify(other))
  }
})

test('a preview is chosen by the last part of the name, whatever the case', () => {
  assert.deepEqual(
    [
      'a.png/b',
      'x.PNG',
      'archive.tar.gz',
      'README',
      'docs/README',
      'readme',
      'MLmodel',
      'my.MLmodel',
      'notes.MD',
      'a.csv.bak',
      '.csv',
      '',
    ].map(previewOf),
    ['none', 'image', 'none', 'text', 'text', 'text', 'text', 'none', 'markdown', 'none', 'table', 'none'],
  )
})

test('programs and pickles are never shown as more than text', () => {
  for (const name of ['x.js', 'x.mjs', 'x.exe', 'x.pkl', 'x.pt', 'x.jar', 'x.so', 'x.wasm', 'x.class']) {
    assert.equal(previewOf(name), 'none', name)
  }
})

test('images are joined by their key and ordered by their step', () => {
  property(100, (random) => {
    const steps = random.list(8, () => random.int(-5, 1000))
    const files = steps.map((step, i) => ({
      path: `images/cat${random.pick(['%', '+'])}step%${step}%timestamp%${1000 + i}%id${i}.png`,
      size: 1,
    }))
    const series = imageSeries(files)
    const found = series.get('cat')?.map((image) => image.step) ?? []
    assert.deepEqual(
      found,
      steps.toSorted((a, b) => a - b),
    )
    assert.equal(series.size, steps.length === 0 ? 0 : 1)
  })
})

test('other files are no images of a series', () => {
  const paths = [
    'images/cat.png',
    'image/cat%step%1%timestamp%1%x.png',
    'images/cat%step%one%timestamp%1%x.png',
    'images/cat%step%1%timestamp%1%x.txt',
    'images/a%step%1%timestamp%1%x%compressed.webp',
  ]
  assert.equal(imageSeries(paths.map((path) => ({ path, size: 1 }))).size, 0)
})
