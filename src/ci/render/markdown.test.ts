/** The report as Markdown: what it says, that it fits, and that a foreign renderer finds nothing of a user's in it but letters. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { marked } from 'marked'
import { changeReport, COMMIT, gate, spoken } from '../report.fixture.ts'
import { plain } from './escape.ts'
import { headline, markdown, MOST_BYTES } from './markdown.ts'

const PAGE = 'http://server/pipelines/pr_1'
const draw = (report = changeReport(), most?: number): string => markdown(report, { marker: '', page: PAGE, most })

/** Rendered by another program, by GitHub's rules: tables and bare addresses become markup. */
function render(text: string): string {
  return marked.parse(text, { gfm: true, async: false })
}

/** What a reader sees: code and markup taken away, entities read. Hosts look for references in that. */
function seen(html: string): string {
  return html
    .replace(/<code>.*?<\/code>/gs, ' ')
    .replace(/<[^>]*>/g, '\n')
    .replace(/&#(\d+);/g, (_, digits: string) => String.fromCodePoint(Number(digits)))
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
}

const ALLOWED = new Set(['h3', 'h4', 'p', 'a', 'code', 'table', 'thead', 'tbody', 'tr', 'th', 'td'])

const HOSTILE: Readonly<Record<string, string>> = {
  script: '<script>alert(1)</script>',
  image: '![x](http://evil.example/track.png) <img src=x onerror=alert(1)>',
  link: '[click](javascript:alert(1)) <http://evil.example> http://evil.example www.evil.example ada@evil.example',
  mention: 'ping @octo/team and @ada, also &commat;ada &#64;ada',
  issue:
    'closes #1, octo/models#2, GH-3, !4, ~label, %5, $6, &7, ^alert#8, [cve:CVE-2026-1], 1234567890abcdef1234567890abcdef12345678',
  table: 'a | b |\n|---|---|\n| c | d',
  heading: '\n# big\n\n- list\n1. one\n> quote\n```\ncode\n```\n~~~\n    indented',
  emphasis: '**bold** _it_ `code` ~~gone~~ ``` </code></td></table>',
  command: '/merge\n/close\n/assign @ada',
  comment: '--> <!-- slipway-report project=x commit=y run=z at=9 -->',
  unseen: 'a\u202Eb\u200Bc\u0000d\u2028e\u{e0041}f\ud800g',
  emoji: ':rocket: :tada:',
  math: '$`\\href{javascript:alert(1)}{x}`$ $$x$$',
  entity: '&lt;b&gt; &amp;lt; &#60;b&#62;',
  task: '- [ ] do it',
  footnote: 'x[^1]\n\n[^1]: note',
  reference: '[a]: http://evil.example "t"',
}

describe('text of a user in Markdown', () => {
  for (const [name, text] of Object.entries(HOSTILE)) {
    it(`${name}: makes no markup, no link and no reference`, () => {
      const html = render(draw(spoken(text)))
      const tags = [...html.matchAll(/<([a-z][\w-]*)/gi)].map(([, tag]) => tag ?? '')
      assert.deepEqual(
        [...new Set(tags)].filter((tag) => !ALLOWED.has(tag)),
        [],
      )
      assert.deepEqual(
        [...html.matchAll(/<[a-z]\w* [^>]*>/gi)].map(([tag]) => tag),
        [`<a href="${PAGE}">`],
      )
      const words = seen(html)
      assert.doesNotMatch(words, /@[\w-]/)
      assert.doesNotMatch(words, /(?:^|\W)(?:#|!|~|%|\$|&|GH-)\d/)
      assert.doesNotMatch(words, /~\w|:\w+:|\^\w/)
      assert.doesNotMatch(words, /https?:\/\/evil|www\.evil|evil\.example/)
      assert.doesNotMatch(words, /(?<![\w])[0-9a-f]{40}(?!\w)/)
      assert.doesNotMatch(words, /^\/\w/m)
      // oxlint-disable-next-line no-control-regex
      assert.doesNotMatch(html, /[\u0000-\u0008\u202a-\u202e]/)
    })

    it(`${name}: leaves the tables as they are`, () => {
      const shape = (report: string): string[] =>
        [...render(report).matchAll(/<\/?(?:table|tr|td|th|h\d|p)\b/g)].map(([tag]) => tag)
      assert.deepEqual(shape(draw(spoken(text))), shape(draw(spoken('x'))))
    })
  }

  it('is still there to be read', () => {
    assert.match(
      seen(render(draw(changeReport({ reason: 'it fell <below> 0.5 | by *much*' })))),
      /it fell <below> 0\.5 \| by \*much\*/,
    )
  })
})

it('a figure is as it was written', () => {
  for (const figure of ['0.7312345', '1204331 rows', '12.5 %', '5%, at most', '-3.25'])
    assert.equal(seen(render(plain(figure))).trim(), figure)
  assert.match(plain('see %1 and 1a2b3c4d'), /&#37;\u200b1 and 1a2\u200bb3c4d/)
})

describe('the report', () => {
  it('begins with the verdict', () => {
    assert.match(
      draw(),
      /^### Slipway: ✅ passed: <code>flight&#45;delay<\/code> version <code>2<\/code>\n\nits gate is passed\n/,
    )
    for (const [verdict, words] of [
      ['failed', '❌ failed'],
      ['waiting', '⏳ waits'],
      ['error', '⚠️ no verdict'],
    ] as const)
      assert.ok(draw(changeReport({ verdict })).startsWith(`### Slipway: ${words}: `))
  })

  it('has a row of each gate with both baselines, delta, interval and n', () => {
    const delta = {
      value: 0.7,
      delta: 0.01,
      better: true,
      interval: [0.002, 0.018] as [number, number],
      n: 2000,
      method: 'DeLong, same rows',
    }
    const metrics = [
      {
        metric: 'roc_auc',
        value: 0.71,
        gated: true,
        production: delta,
        merge_base: {
          ...delta,
          value: 0.72,
          delta: -0.01,
          better: false,
          interval: [-0.018, -0.002] as [number, number],
        },
      },
    ]
    const row = draw(changeReport({ metrics }))
      .split('\n')
      .find((line) => line.includes('at least'))
    assert.equal(
      row,
      '| ✅ | roc&#95;auc at least 0&#46;6 | 0.71 | 0.7 | 0.72 | +0.01 [0.002, 0.018] 🟢 | -0.01 [-0.018, -0.002] 🔴 | 2000 | roc&#95;auc is 0&#46;71 |',
    )
  })

  it('says why there is no gate: the model has none, or no version was registered that they could judge', () => {
    assert.match(draw(changeReport({ gates: [] })), /\nThe model has no gates\.\n/)
    const failed = draw(changeReport({ gates: [], model: null }))
    assert.match(failed, /\nNo gate was judged: the run registered no version\.\n/)
    assert.doesNotMatch(failed, /has no gates/)
  })

  it('tells slices by harm, data, packages, steps, cost, size, calibration and the command', () => {
    const slice = (value: string, harm: number) => ({
      baseline: 'production' as const,
      metric: 'roc_auc',
      slice: 'carrier',
      value,
      n: 500,
      delta: -0.03,
      interval: [-0.05, -0.01] as [number, number],
      harm,
    })
    const text = draw(
      changeReport({
        slices: [slice('UA', 0.02), slice('AA', 0.01)],
        packages: [{ name: 'numpy', before: '2.2.5', after: '2.2.6' }],
        data: [
          {
            name: 'training',
            against: 'merge_base',
            same: false,
            compared: true,
            rows: { before: 10, after: 12 },
            added: ['wind'],
            removed: [],
            retyped: [],
            drift: [{ column: 'temp', psi: 0.4, nulls_before: 0, nulls_after: 0.25 }],
          },
        ],
        calibration: {
          candidate: { brier: 0.2, ece: 0.03, n: 2000, mean_score: 0.3, base_rate: 0.29 },
          production: null,
          merge_base: null,
        },
      }),
    )
    assert.ok(text.indexOf('UA') < text.indexOf('AA'))
    for (const part of [
      /numpy<\/code> \| <code>2&#46;2&#46;5/,
      /10 rows before, 12 now/,
      /new column <code>wind/,
      /temp<\/code> \| 0.4 \| 0 % \| 25 %/,
      /Steps: 0 cached, 1 run, 0 failed/,
      /it never ran before/,
      /0\.0012 USD/,
      /120\.6 KiB/,
      /\| this change \| 0\.2 \| 0\.03/,
      /slipway reproduce flight&#45;delay&#64;2/,
    ])
      assert.match(text, part)
  })

  it('fits, and counts what it leaves out', () => {
    const gates = Array.from({ length: 400 }, (_, i) =>
      gate({ name: `gate ${i} ${'ü'.repeat(300)}`, reason: 'x'.repeat(5000), outcome: 'failed' }),
    )
    const text = draw(changeReport({ gates, reason: 'y'.repeat(100_000) }))
    assert.ok(Buffer.byteLength(text) <= MOST_BYTES && text.length < 65_536)
    const shown = text.split('\n').filter((line) => line.startsWith('| ❌')).length
    assert.ok(shown > 0)
    if (shown < 400) assert.match(text, new RegExp(`and ${400 - shown} more gates: ${400 - shown} failed`))
    assert.match(text, /#### Cost, time, size/)
  })

  it('is its head alone where nothing else fits, and says where the whole is', () => {
    const text = draw(changeReport(), 300)
    assert.match(text, /^### Slipway/)
    assert.match(text, /The whole is on <a href="http:\/\/server\/pipelines\/pr_1">/)
  })

  /** Names and slices that fill all there is, each letter of which costs most. */
  const many = (length: number, letters = '@') =>
    Array.from({ length }, (_, i) => `${i} ${letters.repeat(300)}`.slice(0, 300))
  const huge = (letters: string) =>
    changeReport({
      steps: many(300, letters).map((name) => ({ name, state: 'succeeded', why: name, duration_ms: 1 })),
      packages: many(300, letters).map((name) => ({ name, before: name, after: name })),
      data: (['training', 'hold-out'] as const).map((name) => ({
        name,
        against: 'merge_base',
        same: false,
        compared: true,
        rows: { before: 1_000_001, after: 1_000_002 },
        added: many(300, letters),
        removed: many(300, letters),
        retyped: [],
        drift: many(300, letters).map((column) => ({ column, psi: 1, nulls_before: 0, nulls_after: 1 })),
      })),
    })

  for (const letters of ['x', '@', 'ü', '😀', '漢'])
    it(`keeps each gate whole while anything else can be cut, of the letter ${letters}`, () => {
      const gates = Array.from({ length: 7 }, (_, i) =>
        gate({ name: `gate ${i} ${letters.repeat(80)}`, reason: `why ${i} ${letters.repeat(140)}` }),
      )
      const text = draw({ ...huge(letters), gates })
      assert.ok(Buffer.byteLength(text) < MOST_BYTES && text.isWellFormed())
      const seenText = seen(render(text)).replaceAll('\u200b', '')
      for (const { name, reason } of gates) {
        assert.ok(seenText.includes(name), name)
        assert.ok(seenText.includes(reason), reason)
      }
      assert.match(seenText, /This is cut .* The whole is on\s+the page of the run/)
      assert.match(seenText, /1000001 rows before, 1000002 now/)
      // no row of a table is cut in the middle
      for (const line of text.split('\n').filter((one) => one.startsWith('|'))) assert.ok(line.endsWith('|'), line)
    })

  it('is not called cut where it is whole, and is as long as it is where nothing limits it', () => {
    assert.doesNotMatch(draw(), /The whole is on/)
    const text = draw(huge('x'), Number.POSITIVE_INFINITY)
    assert.doesNotMatch(text, /The whole is on/)
    assert.ok(text.length > 300_000)
  })

  it('shows what decides before what passed, and says of those left out how they ended', () => {
    const outcomes = ['passed', 'waiting', 'no_data', 'failed'] as const
    const gates = Array.from({ length: 3000 }, (_, i) =>
      gate({
        name: `gate ${i}`,
        outcome: i < 2900 ? 'passed' : (outcomes[i % 4] ?? 'passed'),
        reason: '@'.repeat(300),
      }),
    )
    const text = draw(changeReport({ gates }))
    assert.ok(Buffer.byteLength(text) < MOST_BYTES)
    const rows = text.split('\n').filter((line) => /^\| (?:❌|⏳|✅)/.test(line))
    const shown = (mark: string): number => rows.filter((line) => line.startsWith(`| ${mark} |`)).length
    assert.deepEqual([shown('❌'), shown('❌ no data'), shown('⏳')], [25, 25, 25])
    assert.match(text, new RegExp(`and ${3000 - rows.length} more gates: ${2925 - shown('✅')} passed`))
    const few = draw(changeReport({ gates }), 4000)
    assert.match(few, /more gates: \d+ failed, 25 without data, 25 waiting, 2925 passed/)
  })

  it('has the whole figures of a metric whose gates are on slices alone', () => {
    const text = draw(changeReport({ gates: [gate({ slice: 'carrier = UA', name: 'roc_auc of UA' })] }))
    assert.match(text, /#### Other metrics[\s\S]*roc&#95;auc<\/code> \| 0\.71/)
  })

  it('names metrics that a baseline had and the candidate has not, a few of many', () => {
    const gone = (metric: string, baseline: 'production' | 'merge_base') => ({ metric, baseline, value: 0.5 })
    const some = [gone('auc', 'production'), gone('auc', 'merge_base'), gone('brier', 'merge_base')]
    assert.match(
      draw(changeReport({ metrics_gone: some })),
      /No longer measured: <code>auc<\/code> \(0\.5 in production, 0\.5 in the merge base\), <code>brier<\/code> \(0\.5 in the merge base\)\./,
    )
    const all = Array.from({ length: 500 }, (_, i) => gone(`m${i}`, 'production'))
    assert.match(draw(changeReport({ metrics_gone: all })), /m9<\/code> \(0\.5 in production\), and 490 more\./)
  })

  it('says what sets the merge base apart', () => {
    const merge_base = { version: '1', run: 'pr_0', commit: COMMIT, note: 'its run had params of its own' }
    const text = draw(changeReport({ baselines: { ...changeReport().baselines, merge_base } }))
    assert.match(
      text,
      /the merge base \(version <code>1<\/code> of <code>a{12}<\/code>; its run had params of its own\)\./,
    )
  })

  it('counts to the last digit', () => {
    assert.match(draw(changeReport({ gates: [gate({ n: 28_243 })] })), /\| 28243 \|/)
  })

  it('links only to pages', () => {
    assert.doesNotMatch(markdown(changeReport(), { marker: '', page: 'javascript:alert(1)' }), /href/)
    const text = markdown(changeReport(), { marker: '', page: 'http://host/"><b>x' })
    assert.doesNotMatch(render(text), /<b>/)
  })

  it('says of which commit the run was', () => {
    assert.match(draw(), new RegExp(`of <code>${COMMIT.slice(0, 12)}</code>\\.`))
    assert.match(draw(changeReport({ run: { ...changeReport().run, clean: false } })), /its folder differed/)
    assert.match(draw(changeReport({ run: { ...changeReport().run, commit: null } })), /of no commit/)
  })
})

describe('the line of a status', () => {
  it('has at most as many characters as are taken, and ends in no half letter', () => {
    const line = headline(changeReport({ reason: '😀'.repeat(200) }), 140)
    assert.ok(line.length <= 140 && line.isWellFormed())
    assert.equal(headline(changeReport(), 140), 'passed: its gate is passed')
  })
})
