import assert from 'node:assert/strict'
import { test } from 'node:test'
import { imageSeries, parseCsv, previewOf, tableOfJson, treeOf } from './artifacts.ts'

test('files form a tree, folders first, with sizes that add up', () => {
  const tree = treeOf([
    { path: 'b.txt', size: 1 },
    { path: 'model/MLmodel', size: 2 },
    { path: 'model/data/a10.bin', size: 4 },
    { path: 'model/data/a9.bin', size: 8 },
  ])
  assert.deepEqual(
    tree.map(({ name, size }) => [name, size]),
    [
      ['model', 14],
      ['b.txt', 1],
    ],
  )
  const [data, file] = tree[0]?.children ?? []
  assert.equal(data?.path, 'model/data')
  assert.deepEqual(
    data?.children?.map((node) => node.name),
    ['a9.bin', 'a10.bin'],
  )
  assert.deepEqual([file?.path, file?.children], ['model/MLmodel', undefined])
})

test('a file is shown by its name: nothing that could run is more than text', () => {
  const shown = [
    'a/plot.PNG',
    'x.csv',
    'x.json',
    'model/MLmodel',
    'report.html',
    'model.pkl',
    'a.js',
    'wave.wav',
    'a.geojson',
    'a.md',
    'a.ipynb',
  ]
  assert.deepEqual(shown.map(previewOf), [
    'image',
    'table',
    'json',
    'text',
    'page',
    'none',
    'none',
    'audio',
    'map',
    'markdown',
    'json',
  ])
})

test('CSV with quotes, separators and line ends inside them', () => {
  const text = 'name,note\r\nada,"says ""hi"",\nthen goes"\nbob,\n'
  assert.deepEqual(parseCsv(text, ',', 10), {
    columns: ['name', 'note'],
    rows: [
      ['ada', 'says "hi",\nthen goes'],
      ['bob', ''],
    ],
    more: false,
  })
  assert.deepEqual(parseCsv('a\tb\n1\t2\n3\t4', '\t', 1), { columns: ['a', 'b'], rows: [['1', '2']], more: true })
  assert.deepEqual(parseCsv('', ',', 5), { columns: [], rows: [], more: false })
  assert.deepEqual(parseCsv('a\n"cut', ',', 5).rows, [['cut']])
})

test('a table that was logged as JSON', () => {
  const table = {
    columns: ['q', 'score'],
    data: [
      ['x', 0.5],
      [{ deep: 1 }, null],
    ],
  }
  assert.deepEqual(tableOfJson(table, 1), { columns: ['q', 'score'], rows: [['x', '0.5']], more: true })
  assert.deepEqual(tableOfJson(table, 9)?.rows[1], ['{"deep":1}', ''])
  assert.equal(tableOfJson({ columns: 1, data: [] }, 1), undefined)
  assert.equal(tableOfJson([1], 1), undefined)
})

test('logged images come by key and step, without their small copies', () => {
  const at = (key: string, step: number, tail: string) => ({
    path: `images/${key}%step%${step}%timestamp%170000%0f${tail}`,
    size: 1,
  })
  const series = imageSeries([
    at('dog', 5, '.png'),
    at('dog', 0, '.png'),
    at('dog', 0, '%compressed.webp'),
    at('a#cat', 1, '.png'),
    { path: 'images/plain.png', size: 1 },
  ])
  assert.deepEqual([...series.keys()], ['dog', 'a/cat'])
  assert.deepEqual(
    series.get('dog')?.map((image) => image.step),
    [0, 5],
  )
})
