/** Forms, tables and texts of pages, drawn without a browser: to whom an act is offered, and that texts of people stay text. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { permits } from '../../src/contract/access.ts'
import type { Access, Role } from '../../src/contract/access.ts'
import { markupOf, partText, textOf } from './components.ts'
import { property } from './seeded.ts'

const ROLES: readonly Role[] = ['viewer', 'contributor', 'maintainer', 'admin']
const ACCESSES: readonly Access[] = [
  'public',
  { verb: 'write', resource: 'runs' },
  { verb: 'deploy', resource: 'endpoints' },
  { verb: 'deploy', resource: 'rollouts' },
  { verb: 'promote', resource: 'models' },
  { verb: 'approve', resource: 'models' },
  { verb: 'manage', resource: 'tokens' },
  { verb: 'write', resource: 'monitors' },
  { verb: 'write', resource: 'pipelines' },
]

test('an act is offered exactly to the roles that the server lets do it', async () => {
  for (const role of ROLES) {
    for (const needs of ACCESSES) {
      const html = await markupOf(
        'form/confirm',
        'Confirm',
        { label: 'Do it', preview: 'It is done.', act: () => undefined, needs },
        { role: role as 'viewer' },
      )
      const may = needs === 'public' || permits({ id: 'u', name: 'ada', role, project: null, token_id: null }, needs)
      assert.equal(html.includes('Do it'), may, `${role}: ${JSON.stringify(needs)}`)
    }
  }
})

test('no act is offered before it is known who looks, unless anybody may do it', async () => {
  const act = { label: 'Do it', preview: '', act: () => undefined }
  assert.equal(
    await markupOf('form/confirm', 'Confirm', { ...act, needs: { verb: 'write', resource: 'runs' } }, { role: null }),
    '',
  )
  assert.match(await markupOf('form/confirm', 'Confirm', act, { role: null }), /Do it/)
})

const confirmOf = (more: Record<string, unknown>): Promise<string> =>
  markupOf('form/confirm', 'Confirm', { preview: '', act: () => undefined, ...more })

test('an act shows its effect, and cannot be confirmed while its reason is missing', async () => {
  const preview = 'The candidate gets no traffic.'
  const html = await confirmOf({ label: 'Abort', preview, reason: 'required', tone: 'danger' })
  assert.match(html, /The candidate gets no traffic\./)
  assert.match(html, /<button type="submit" class="button danger" disabled="">Abort<\/button>/)
  assert.match(textOf(html), /Reason \(recorded in the history\)/)
  const optional = await confirmOf({ label: 'Abort', reason: 'optional' })
  assert.match(optional, /<button type="submit" class="button plain">Abort<\/button>/)
})

test('a frozen act says why and waits for a tick and a reason', async () => {
  const html = await confirmOf({ label: 'Promote', frozen: 'iris is frozen by ada.' })
  assert.match(textOf(html), /iris is frozen by ada\. ?Proceed despite the freeze/)
  assert.match(html, /<button type="submit" class="button plain" disabled="">/)
  assert.match(html, /type="checkbox"/)
})

test('tags of programs are not removed by people, others are by those who may', async () => {
  const tags = [
    ['team', 'red'],
    ['mlflow.user', 'ada'],
    ['slipway.step', 'train'],
  ]
  const props = { tags, needs: { verb: 'write', resource: 'runs' }, set: () => undefined }
  const contributor = await markupOf('form/tags', 'TagsPanel', props, { role: 'contributor' })
  assert.equal(contributor.split('Remove').length - 1, 1)
  assert.match(contributor, /the tag team/)
  const viewer = await markupOf('form/tags', 'TagsPanel', props, { role: 'viewer' })
  assert.doesNotMatch(viewer, /Remove|Set tag/)
  assert.equal(await markupOf('form/tags', 'TagsPanel', { ...props, tags: [] }, { role: 'viewer' }), '')
})

test('a status has its word and a shape of its tone, so that colour says nothing alone', async () => {
  const shapes = new Set<string>()
  for (const [word, tone] of [
    ['succeeded', 'good'],
    ['failed', 'bad'],
    ['paused', 'warn'],
    ['running', 'info'],
    ['waiting', 'idle'],
    ['of a later server', 'idle'],
  ]) {
    const html = await markupOf('page/status', 'Status', { word })
    assert.match(html, new RegExp(`class="status tone-${tone}"`))
    assert.match(textOf(html), new RegExp(`^${word}$`))
    shapes.add(/ d="([^"]*)"/.exec(html)?.[1] ?? '')
  }
  assert.equal(shapes.size, 5)
  assert.match(textOf(await markupOf('page/status', 'Status', { word: 'not_enough_data' })), /^not enough data$/)
})

test('headings of a table are texts, numbers to the right, or for screen readers alone', async () => {
  const html = await markupOf('table/data-table', 'DataTable', {
    headings: ['Name', ['Size', 'num'], ['Actions', 'sr']],
    label: 'Files',
    children: null,
  })
  assert.match(
    html,
    /^<table aria-label="Files"><thead><tr><th>Name<\/th><th class="num">Size<\/th><th><span class="sr">Actions<\/span><\/th><\/tr><\/thead><tbody><\/tbody><\/table>$/,
  )
})

test('a list that is read page by page has a button for more while there is more', async () => {
  const list = {
    data: { pages: [{ items: ['a'] }, { items: ['b'] }] },
    error: null,
    hasNextPage: true,
    isFetchingNextPage: false,
    fetchNextPage: () => undefined,
    refetch: () => undefined,
  }
  const props = { what: 'The letters', height: 10, children: (rows: readonly string[]) => rows.join('+') }
  assert.match(await partText('table/paged-list', 'PagedList', { ...props, list }), /^a\+bLoad more$/)
  assert.equal(
    await partText('table/paged-list', 'PagedList', { ...props, list: { ...list, hasNextPage: false } }),
    'a+b',
  )
  assert.match(
    await markupOf('table/paged-list', 'PagedList', { ...props, list: { ...list, isFetchingNextPage: true } }),
    /disabled/,
  )
})

test('more than fifteen named values get a field that narrows them', async () => {
  const panel = (n: number): Promise<string> =>
    markupOf('table/filterable-panel', 'FilterablePanel', {
      title: 'Params',
      items: Array.from({ length: n }, (_, i) => `p${i}`),
      textOf: String,
      children: (items: readonly string[]) => items.length,
    })
  assert.doesNotMatch(await panel(15), /type="search"/)
  assert.match(await panel(16), /placeholder="Find in 16"/)
})

test('Markdown of people is drawn as elements, and their HTML as text', async () => {
  const html = await markupOf('text/markdown', 'Markdown', {
    text: '# Title\n\n<img src=x onerror=alert(1)> **b** [x](javascript:alert(1)) [y](/runs)\n\n| a |\n|---|\n| 1 |',
  })
  assert.match(html, /<h3>Title<\/h3>/)
  assert.match(html, /&lt;img src=x onerror=alert\(1\)&gt;/)
  assert.match(html, /<strong>b<\/strong>/)
  assert.equal(html.split('<a ').length - 1, 1)
  assert.match(html, /<a href="\/runs" rel="noreferrer">y<\/a>/)
  assert.match(html, /<th>a<\/th>.*<td>1<\/td>/)
})

test('any text of people leaves no element of its own', async () => {
  const texts: string[] = []
  property(60, (random) => texts.push(`${random.text(30)}<script>x</script>${random.text(10)}`))
  for (const text of texts)
    assert.doesNotMatch(await markupOf('text/markdown', 'Markdown', { text }), /<script|<img|<iframe/)
})
