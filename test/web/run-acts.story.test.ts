/** What people change about runs on the pages of a real server, and what is not offered to those who may not. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { axeBreaches, fits } from './browser.ts'
import { logRun, realSite, whoIsKnown } from './real-app.ts'

const site = realSite()

test('a viewer is offered no act and is refused nothing', site.options, async () => {
  const run = await logRun(site.app, { name: 'looked at', metrics: { auc: 0.7 } })
  await site.app.look('viewer', '/', async (page) => {
    await page.getByRole('heading', { name: 'Last 24 hours' }).waitFor()
    await page.locator('.skeleton').first().waitFor({ state: 'detached' })
    await page.goto(`${site.app.url}/settings`)
    await page.getByText('Only admins may see the tokens').waitFor()
    await page.getByText('may see the audit trail').waitFor()
    assert.equal(await page.getByRole('button', { name: /Create a token|Verify the chain/ }).count(), 0)
    await page.goto(`${site.app.url}/runs/${run}`)
    await page.getByText('looked at').first().waitFor()
    await whoIsKnown(page, 'viewer')
    assert.equal(await page.getByRole('button', { name: /Rename|Delete|Add a note|^Set tag$|Remove/ }).count(), 0)
    await page.goto(`${site.app.url}/runs`)
    await page.getByRole('checkbox', { name: 'Select looked at' }).check()
    await page.getByText('Views (0)').click()
    await page.getByText('A view stores').waitFor()
    await whoIsKnown(page, 'viewer')
    assert.equal(await page.getByRole('button', { name: /^Save$|Delete|^Tag/ }).count(), 0)
  })
})

test('a run is renamed, described in Markdown and tagged, and says so at once', site.options, async () => {
  const run = await logRun(site.app, { name: 'unnamed', metrics: { auc: 0.7 } })
  await site.app.look('contributor', `/runs/${run}`, async (page) => {
    await page.getByRole('button', { name: 'Rename' }).click()
    await page.getByRole('dialog', { name: 'Rename' }).getByRole('textbox').fill('the good one')
    await page.getByRole('dialog', { name: 'Rename' }).getByRole('button', { name: 'Save' }).click()
    await page.getByRole('heading', { name: 'the good one', level: 1 }).waitFor()

    await page.getByRole('button', { name: 'Add a note' }).click()
    const note =
      '# Why\n\nA **larger** step, see [the paper](https://example.org).\n\n<script>document.title = 1</script>'
    await page.getByRole('dialog').getByRole('textbox').fill(note)
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
    await page.getByRole('heading', { name: 'Why', level: 3 }).waitFor()
    assert.equal(await page.getByRole('link', { name: 'the paper' }).getAttribute('href'), 'https://example.org')
    await page.getByRole('main').getByRole('paragraph').filter({ hasText: '<script>' }).waitFor()

    await page.getByLabel('Key', { exact: true }).fill('team')
    await page.getByLabel('Value', { exact: true }).fill('red = blue')
    await page.getByRole('button', { name: 'Set tag', exact: true }).click()
    await page.getByText('red = blue').waitFor()
    assert.deepEqual(await axeBreaches(page), [])
    await page.getByRole('button', { name: 'Remove the tag team' }).click()
    await page.getByText('red = blue').waitFor({ state: 'detached' })
  })
})

test('chosen runs are tagged, deleted, seen in the bin and taken back', site.options, async () => {
  for (const name of ['bulk-1', 'bulk-2']) await logRun(site.app, { name, params: { bulk: 'yes' } })
  const filter = encodeURIComponent("params.bulk = 'yes'")
  await site.app.look('contributor', `/runs?filter=${filter}&columns=tags.kind`, async (page) => {
    await page.getByRole('checkbox', { name: 'Select bulk-1' }).check()
    await page.getByRole('checkbox', { name: 'Select bulk-2' }).check()
    await page.getByRole('button', { name: 'Tag 2 runs' }).click()
    await page.getByRole('dialog', { name: 'Tag 2 runs' }).getByRole('textbox').fill('no tag')
    await page.getByRole('dialog', { name: 'Tag 2 runs' }).getByRole('button', { name: 'Save' }).click()
    await page.getByText('"no tag" is not KEY=VALUE').waitFor()
    await page.getByRole('dialog', { name: 'Tag 2 runs' }).getByRole('textbox').fill('kind=baseline')
    await page.getByRole('dialog', { name: 'Tag 2 runs' }).getByRole('button', { name: 'Save' }).click()
    await page.getByRole('cell', { name: 'baseline' }).nth(1).waitFor()

    const file = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Save as CSV' }).click()
    const text = readFileSync(await (await file).path(), 'utf8')
    assert.match(text, /^run_id,name,.*,kind\r\n/)
    assert.equal(text.split('\r\n').filter((line) => line.endsWith(',baseline')).length, 2)

    await page.getByRole('button', { name: 'Delete 2 runs' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete 2 runs' }).click()
    await page.getByText('No runs match').waitFor()
    await page.getByRole('combobox', { name: 'Show' }).selectOption('deleted')
    await page.waitForURL(/stage=deleted/)
    await page.getByRole('link', { name: 'bulk-1' }).waitFor()
    await page.getByRole('checkbox', { name: /^Select the first/ }).check()
    await page.getByRole('button', { name: 'Restore 2 runs' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Restore 2 runs' }).click()
    await page.getByText('No deleted runs').waitFor()
    await page.goBack()
    await page.getByRole('link', { name: 'bulk-2' }).waitFor()
  })
})

test('a run leads to the runs inside it and back', site.options, async () => {
  const parent = await logRun(site.app, { name: 'sweep' })
  const tags = { 'mlflow.parentRunId': parent }
  await logRun(site.app, { name: 'try-1', tags })
  await logRun(site.app, { name: 'try-2', tags })
  await site.app.look('viewer', `/runs/${parent}`, async (page) => {
    await page.getByRole('heading', { name: 'Nested runs' }).waitFor()
    await page.getByRole('link', { name: 'Compare', exact: true }).waitFor()
    await page.getByRole('link', { name: 'try-2' }).click()
    await page.getByRole('heading', { name: 'try-2', level: 1 }).waitFor()
    await page.getByRole('link', { name: `run ${parent.slice(0, 8)}` }).click()
    await page.getByRole('heading', { name: 'sweep', level: 1 }).waitFor()
  })
})

test('long names, many params and many metrics keep the page in its window', site.options, async () => {
  const params = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`p${i}`, String(i)]))
  const metrics = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`layer${i}/weight`, i / 7]))
  const run = await logRun(site.app, {
    name: 'n'.repeat(250),
    params: { ...params, ['k'.repeat(200)]: 'v'.repeat(400) },
    metrics: { ...metrics, ['m'.repeat(240)]: 1, infinite: Number.MAX_VALUE },
  })
  await site.app.look('viewer', `/runs/${run}`, async (page) => {
    await page.getByRole('searchbox', { name: 'Find in Params' }).fill('p59')
    await page.getByText('1 of 61').waitFor()
    await page.getByRole('searchbox', { name: 'Find in Metrics' }).fill('infin')
    await page.getByRole('cell', { name: '∞' }).waitFor()
    await page.getByRole('searchbox', { name: 'Find in Metrics' }).fill('no such')
    await page.getByText('No match for “no such”.').waitFor()
    await page.getByRole('searchbox', { name: 'Find in Metrics' }).fill('')
    await page.getByRole('searchbox', { name: 'Find in Params' }).fill('')
    for (const width of [1280, 420]) {
      await page.setViewportSize({ width, height: 800 })
      await fits(page, `the run at ${width} pixels`)
    }
    assert.ok((await page.evaluate<number>('document.documentElement.scrollHeight')) < 4000)
    await page.goto(`${site.app.url}/runs`)
    await page.getByText('n'.repeat(250)).first().waitFor()
    for (const width of [1280, 420]) {
      await page.setViewportSize({ width, height: 800 })
      await fits(page, `the table at ${width} pixels`)
    }
  })
})

test('a run of any age is found by a part of its name, and by its id', site.options, async () => {
  const run = await logRun(site.app, { name: 'Needle-in-the-hay' })
  // a hundred newer ones, which the search has without asking; the runs of later tests are newer still
  const newer = Date.now() + 1
  for (let i = 0; i < 100; i += 1) {
    await site.app.mlflow('runs/create', { experiment_id: '0', run_name: `hay-${i}`, start_time: newer })
  }
  await site.app.look('viewer', '/models', async (page) => {
    await page.getByRole('heading', { name: 'Models', level: 1 }).waitFor()
    await page.keyboard.press('Control+k')
    const field = page.getByRole('combobox', { name: /^Search runs/ })
    await field.fill('needle')
    await page.getByRole('option', { name: /Needle-in-the-hay/ }).waitFor()
    await field.fill("no' such %")
    await page.getByText('Nothing matches.').waitFor()
    await field.fill(run)
    await page.getByRole('option', { name: /Needle-in-the-hay/ }).waitFor()
    await page.keyboard.press('Enter')
    await page.waitForURL(`**/runs/${run}`)
  })
})

test('groups are asked for once bare and once with their metrics', site.options, async () => {
  for (const seed of ['1', '2'])
    await logRun(site.app, { name: `seed ${seed}`, metrics: { auc: 0.7 }, params: { seed } })
  await site.app.look('viewer', '/', async (page) => {
    const asked: string[] = []
    page.on('request', (request) => {
      if (request.url().includes('/v1/runs/groups')) asked.push(request.url())
    })
    await page.goto(`${site.app.url}/runs?group=params.seed&filter=${encodeURIComponent("params.seed != '0'")}`)
    await page.getByText('2 groups').waitFor()
    await page.getByText('0.7 to 0.7').first().waitFor()
    assert.deepEqual(
      asked.map((url) => new URL(url).searchParams.getAll('metrics').length > 0),
      [false, true],
    )
  })
})

test('columns are found by their name, in sight on a phone too, and Escape closes them', site.options, async () => {
  const metrics = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`m${i}`, i]))
  await logRun(site.app, { name: 'many columns', metrics: { ...metrics, brier: 0.1 } })
  await site.app.look('viewer', '/runs', async (page) => {
    await page.setViewportSize({ width: 420, height: 850 })
    await page.getByText('many columns').waitFor()
    await page.getByText(/^Columns \(/).click()
    const panel = page.locator('.columns .panel')
    const box = await panel.boundingBox()
    assert.ok(box !== null && box.x >= 0 && box.x + box.width <= 420, JSON.stringify(box))
    await page.getByLabel('Find a column').fill('no such')
    await page.getByText('No column matches.').waitFor()
    await page.getByLabel('Find a column').fill('m19')
    await page.getByRole('checkbox', { name: /^m19/ }).click()
    await page.waitForURL(/m19/)
    assert.deepEqual(await axeBreaches(page), [])
    await page.getByLabel('Find a column').press('Escape')
    await panel.waitFor({ state: 'hidden' })
    assert.match(await page.evaluate<string>('document.activeElement.textContent'), /^Columns/)
    await page.getByText(/^Columns \(/).click()
    await page.getByRole('heading', { name: 'Runs', level: 1 }).click()
    await panel.waitFor({ state: 'hidden' })
  })
})
