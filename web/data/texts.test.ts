/** Texts that the pages show: Markdown, differences, logs, matches, links, shapes; whatever is in them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { property } from '../../test/web/seeded.ts'
import type { Seeded } from '../../test/web/seeded.ts'
import { diffLines } from './diff.ts'
import { shapesOf } from './geojson.ts'
import type { Place } from './geojson.ts'
import { appendLog } from './log-text.ts'
import { blocksOf, firstWords, inlinesOf } from './markdown.ts'
import type { Block, Inline } from './markdown.ts'
import { matching } from './matches.ts'
import { pageOf } from './page-links.ts'

/** Every link of a piece of text, however deep. */
function links(inside: readonly Inline[]): string[] {
  return inside.flatMap((one) => [
    ...(one.kind === 'link' ? [one.href] : []),
    ...('inside' in one ? links(one.inside) : []),
  ])
}

function inlinesIn(block: Block): Inline[] {
  if (block.kind === 'list') return block.items.flat()
  if (block.kind === 'table') return block.rows.flat(2)
  return 'inside' in block ? [...block.inside] : []
}

function plain(inside: readonly Inline[]): string {
  return inside.map((one) => ('inside' in one ? plain(one.inside) : one.text)).join('')
}

/** Markdown made of its own marks, as clumsy as people and attackers write it. */
function markdownOf(random: Seeded): string {
  const pieces = [
    '# ',
    '- ',
    '1. ',
    '> ',
    '```',
    '~~~',
    '| ',
    '|',
    '---',
    '***',
    '**',
    '*',
    '_',
    '`',
    '[',
    '](',
    ')',
    'javascript:alert(1)',
    'https://example.org',
    '//evil.test',
    '/runs',
    'data:text/html,x',
    '<script>',
    '\n',
    '\n\n',
    ' ',
    'word',
    '\r\n',
  ]
  return random.list(30, () => random.pick(pieces)).join('')
}

test('no text leads to a link that runs code or leaves by another scheme', () => {
  property(1500, (random) => {
    const text = markdownOf(random)
    for (const href of blocksOf(text).flatMap((block) => links(inlinesIn(block)))) {
      if (!URL.canParse(href, 'https://slipway.test')) continue
      const { protocol } = new URL(href, 'https://slipway.test')
      assert.ok(['http:', 'https:', 'mailto:'].includes(protocol), `${href} in ${JSON.stringify(text)}`)
      assert.ok(!href.startsWith('//'), href)
    }
  })
})

test('dangerous schemes stay the text that was typed', () => {
  for (const href of [
    'javascript:alert(1)',
    'JaVaScRiPt:x',
    'data:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    '//evil.test',
    'runs/1',
  ]) {
    const text = `[here](${href})`
    assert.deepEqual(links(inlinesOf(text)), [], href)
    assert.equal(plain(inlinesOf(text)), text)
  }
})

test('paths of this server, mail and the web are links', () => {
  for (const href of ['/runs/1', 'mailto:a@b.test', 'http://a.test', 'https://a.test/x?y=1#z', 'HTTPS://A.TEST']) {
    assert.deepEqual(links(inlinesOf(`see [here](${href})`)), [href])
  }
})

test('any text is read to its end, and reading ends', () => {
  property(800, (random) => {
    const text = random.chance(0.5) ? markdownOf(random) : random.text(80)
    const blocks = blocksOf(text)
    assert.ok(blocks.length <= text.split('\n').length)
    assert.equal(typeof firstWords(text), 'string')
  })
})

test('text without any mark is one paragraph a blank line, word for word', () => {
  property(200, (random) => {
    const words = (): string =>
      random.list(8, () => random.pick(['one', 'two', 'three', 'snake_case', 'a*b', '5 > 4'])).join(' ')
    const paragraphs = random.list(4, words).filter((text) => text !== '' && !text.startsWith('5'))
    const blocks = blocksOf(paragraphs.join('\n\n'))
    assert.deepEqual(
      blocks.map((block) => [block.kind, plain(inlinesIn(block))]),
      paragraphs.map((text) => ['paragraph', text.replaceAll(/\*([^*\s][^*]*)\*/g, '$1')]),
    )
  })
})

test('a fence keeps its lines to the letter and ends with the text where it is not closed', () => {
  const code = 'def f():\n    return "# no heading"\n- no item\n| no | table |'
  assert.deepEqual(blocksOf(`\`\`\`python\n${code}\n\`\`\``), [{ kind: 'code', text: code }])
  assert.deepEqual(blocksOf(`~~~\n${code}`), [{ kind: 'code', text: code }])
})

test('the line for a table is the first block without its marks', () => {
  assert.deepEqual(
    [
      '# A **bold** title\n\nmore',
      '- first `item`\n- second',
      '> said [so](/x)',
      '```\ncode\n```',
      '| a |\n|---|',
      '---',
      '',
      'plain',
    ].map(firstWords),
    ['A bold title', 'first item', 'said so', 'code', '', '', '', 'plain'],
  )
})

/** Length of the longest common subsequence, by its definition. */
function longest(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return 0
  if (a.at(-1) === b.at(-1)) return 1 + longest(a.slice(0, -1), b.slice(0, -1))
  return Math.max(longest(a.slice(0, -1), b), longest(a, b.slice(0, -1)))
}

test('a difference holds both texts, and no line that could have stayed is changed', () => {
  property(300, (random) => {
    const text = (): string =>
      Array.from({ length: random.int(1, 6) }, () => random.pick(['a', 'b', 'c', ''])).join('\n')
    const [before, after] = [text(), text()]
    const lines = diffLines(before, after)
    const side = (kind: 'added' | 'removed'): string =>
      lines
        .filter((line) => line.kind === 'same' || line.kind === kind)
        .map((line) => line.text)
        .join('\n')
    assert.equal(side('removed'), before)
    assert.equal(side('added'), after)
    assert.equal(lines.filter((line) => line.kind === 'same').length, longest(before.split('\n'), after.split('\n')))
  })
})

test('removed lines stand before the added ones that replace them', () => {
  assert.deepEqual(
    diffLines('x\n1\n2\ny', 'x\n3\n4\ny').map(({ kind }) => kind),
    ['same', 'removed', 'removed', 'added', 'added', 'same'],
  )
})

test('very long texts are told as changed rather than compared for minutes', () => {
  const long = Array.from({ length: 2100 }, (_, i) => `line ${i}`).join('\n')
  const lines = diffLines(long, `${long}\nend`)
  assert.equal(lines.filter(({ kind }) => kind === 'removed').length, 2100)
  assert.equal(lines.filter(({ kind }) => kind === 'added').length, 2101)
})

test('a log is what was written without colours, as long as it is short', () => {
  property(200, (random) => {
    const parts = random.list(6, () =>
      random.pick(['a\n', '\u001B[31mred\u001B[0m', '\u001B[1;32mgreen\n', 'é 漢', '[0m plain']),
    )
    const log = parts.reduce(appendLog, '')
    // the sequences that terminals take, removed one after the other
    const expected = parts
      .join('')
      .replaceAll('\u001B[31m', '')
      .replaceAll('\u001B[0m', '')
      .replaceAll('\u001B[1;32m', '')
    assert.equal(log, expected)
  })
})

test('a long log keeps its end in whole lines and says that its beginning is elsewhere', () => {
  let log = ''
  for (let i = 0; i < 60_000; i += 500) {
    log = appendLog(log, Array.from({ length: 500 }, (_, line) => `line ${i + line}\n`).join(''))
  }
  const [first = '', ...rest] = log.split('\n')
  assert.match(first, /slipway logs/)
  assert.ok(log.length <= 400_200)
  assert.equal(rest.at(-2), 'line 59999')
  const numbers = rest.filter((line) => line.startsWith('line ')).map((line) => Number(line.slice(5)))
  assert.ok(
    numbers.every((value, i) => i === 0 || value === (numbers[i - 1] ?? 0) + 1),
    'no line is cut or lost in between',
  )
  assert.equal(log.split('(earlier lines').length, 2, 'it is said once')
})

test('an item is found by every word of its kind and name, and by nothing else', () => {
  property(300, (random) => {
    const items = random.list(10, (i) => ({
      kind: random.pick(['run', 'model', 'endpoint']),
      label: random.list(3, () => random.pick(['alpha', 'Beta', 'gamma', 'run', 'Ünder'])).join(' '),
      path: `/${i}`,
    }))
    const text = random.list(2, () => random.pick(['al', 'BETA', 'run', 'mod', 'ünd', 'x'])).join('  ')
    const terms = text
      .toLowerCase()
      .split(' ')
      .filter((term) => term !== '')
    const expected = items.filter(({ kind, label }) =>
      terms.every((term) => `${kind} ${label}`.toLowerCase().includes(term)),
    )
    assert.deepEqual(
      matching(items, text)
        .map(({ path }) => path)
        .toSorted(),
      expected.map(({ path }) => path).toSorted(),
    )
  })
})

test('names that begin with what was typed come first, otherwise the order stays', () => {
  const items = ['old alpha', 'alpha 2', 'beta alpha', 'alpha 1'].map((label, i) => ({
    kind: 'run',
    label,
    path: `/${i}`,
  }))
  assert.deepEqual(
    matching(items, 'alpha').map(({ label }) => label),
    ['alpha 2', 'alpha 1', 'old alpha', 'beta alpha'],
  )
})

test('an address of the API leads to its page or nowhere, never off this server', () => {
  property(500, (random) => {
    const href =
      random.pick(['', '/', '//', '/v1/', 'https://evil.test/', '/v1/pipeline-runs/', '/runs/', '/v1/models/']) +
      random.text(8)
    const page = pageOf(href)
    if (page === undefined) return
    assert.equal(new URL(page, 'http://slipway.test').host, 'slipway.test', href)
    assert.match(page, /^\/(?:runs|traces|models|endpoints|monitoring|incidents|pipelines|cost)(?:\/|$)/)
  })
})

test('links lose what only the API needs', () => {
  assert.deepEqual(
    [
      '/v1/runs/r1',
      '/v1/pipeline-runs/p1?step=train',
      '/v1/models/m/versions/3#x',
      '/cost',
      '/v1/tokens/1',
      '/runsx/1',
      '',
      undefined,
    ].map(pageOf),
    ['/runs/r1', '/pipelines/p1', '/models/m/versions/3', '/cost', undefined, undefined, undefined, undefined],
  )
})

test('any value is read as GeoJSON without a failure, and its places are finite', () => {
  const types = [
    'FeatureCollection',
    'Feature',
    'GeometryCollection',
    'Point',
    'MultiPoint',
    'LineString',
    'MultiLineString',
    'Polygon',
    'MultiPolygon',
  ]
  property(500, (random) => {
    const value = {
      type: random.pick(types),
      coordinates: random.json(4),
      geometry: { type: random.pick(types), coordinates: random.json(4) },
      features: random.json(2),
      geometries: [{ type: random.pick(types), coordinates: [[random.number(), random.number()]] }],
      properties: random.json(2),
    }
    for (const shape of shapesOf(value)) {
      assert.ok(shape.parts.flat().every(([x, y]) => Number.isFinite(x) && Number.isFinite(y)))
      assert.ok(shape.parts.length > 0)
    }
  })
})

test('every place of a geometry is kept in its order', () => {
  property(200, (random) => {
    const places = (): Place[] =>
      Array.from({ length: random.int(2, 5) }, () => [random.int(-180, 180), random.int(-90, 90)] as const)
    const [one, two] = [places(), places()]
    const parts = (geometry: object): unknown => shapesOf(geometry).map((shape) => shape.parts)
    assert.deepEqual(parts({ type: 'LineString', coordinates: one }), [[one]])
    assert.deepEqual(parts({ type: 'MultiLineString', coordinates: [one, two] }), [[one, two]])
    assert.deepEqual(parts({ type: 'Polygon', coordinates: [one, two] }), [[one, two]])
    assert.deepEqual(parts({ type: 'MultiPolygon', coordinates: [[one], [two]] }), [[one], [two]])
    assert.deepEqual(
      parts({ type: 'MultiPoint', coordinates: one }),
      one.map((place) => [[place]]),
    )
  })
})

test('properties of a feature are told, six at most', () => {
  const properties = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`k${i}`, i === 0 ? 'text' : i]))
  const [shape] = shapesOf({ type: 'Feature', properties, geometry: { type: 'Point', coordinates: [1, 2] } })
  assert.equal(shape?.label, 'k0: text, k1: 1, k2: 2, k3: 3, k4: 4, k5: 5')
})
