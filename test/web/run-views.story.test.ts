/** What people do with what the pages of runs show, in a real browser: filter, group, keep views, zoom and open files. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { axeBreaches } from './browser.ts'
import { fixtureSite } from './site.ts'

const site = fixtureSite()
const { options, open } = site

test('a filter is completed from the keys of the runs, with the keyboard alone', options, async () => {
  await open('/runs', async (page) => {
    await page.getByText('brave-heron-0').waitFor()
    const filter = page.getByRole('combobox', { name: 'Filter runs' })
    await filter.click()
    await filter.pressSequentially('learn')
    await page.getByRole('option', { name: 'params.learning_rate' }).waitFor()
    assert.deepEqual(await axeBreaches(page), [])
    await page.keyboard.press('Tab')
    await filter.pressSequentially("= '0.1' AND attributes.status = ")
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Enter')
    await page.waitForURL(/filter=/)
    assert.equal(
      new URL(page.url()).searchParams.get('filter'),
      "params.learning_rate = '0.1' AND attributes.status = 'FINISHED'",
    )
  })
})

test('letters that are typed before the next frame come behind what was completed', options, async () => {
  await open(
    '/runs',
    async (page) => {
      await page.getByText('brave-heron-0').waitFor()
      const filter = page.getByRole('combobox', { name: 'Filter runs' })
      await filter.pressSequentially('learn')
      await page.getByRole('option', { name: 'params.learning_rate' }).waitFor()
      await page.keyboard.press('Tab')
      await filter.pressSequentially("= '0.1'")
      await filter.and(page.locator(`[value="params.learning_rate = '0.1'"]`)).waitFor()
    },
    // by the clock: frames that come late; wherever they come, the letters are behind
    { prepare: (page) => page.addInitScript('globalThis.requestAnimationFrame = (draw) => setTimeout(draw, 30, 0)') },
  )
})

test('runs are grouped, a group is opened and narrowed to', options, async () => {
  await open('/runs', async (page) => {
    await page.getByLabel('Group by').selectOption('params.seed')
    await page.getByText('3 groups').waitFor()
    await page.getByRole('button', { name: '▸ 1' }).click()
    await page.getByText('brave-heron-0').waitFor()
    await page.getByRole('link', { name: /runs of the group$/ }).click()
    await page.getByText('100 loaded so far').waitFor()
    assert.equal(new URL(page.url()).searchParams.get('filter'), "params.seed = '1'")
  })
})

test('a view is opened by its name, replaced and forgotten', options, async () => {
  await open('/runs', async (page) => {
    site.server.writes.length = 0
    await page.getByText('brave-heron-0').waitFor()
    await page.getByText('Views (1)').click()
    await page.getByRole('button', { name: 'best-of-week', exact: true }).click()
    await page.waitForURL(/filter=metrics/)
    await page.getByText('Views (1)').click()
    await page.getByLabel('Save this view as').fill('mine')
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.getByLabel('Save this view as').and(page.locator('[value=""]')).waitFor()
    await page.getByLabel('Save this view as').fill('best-of-week')
    await page.getByRole('button', { name: 'Replace' }).click()
    // emptied once it is replaced: what is asked meanwhile may overtake it
    await page.getByLabel('Save this view as').and(page.locator('[value=""]')).waitFor()
    const forgotten = page.waitForResponse((response) => response.request().method() === 'DELETE')
    await page.getByRole('button', { name: 'Delete the view best-of-week' }).click()
    await forgotten
    assert.deepEqual(
      site.server.writes.map((write) => write.split(' ').slice(0, 2).join(' ')),
      ['POST /v1/searches', 'PATCH /v1/searches/srch_1', 'DELETE /v1/searches/srch_1'],
    )
    assert.match(
      site.server.writes[0] ?? '',
      /"name":"mine".*"filter":"metrics\.auc > 0\.75","order_by":\["metrics\.auc DESC"\]/,
    )
  })
})

test('a part of a curve is read anew with more detail, and given back', options, async () => {
  await open('/runs/00019c1f4be27a60b3d85c14', async (page) => {
    const chart = page.getByRole('img', { name: 'train_loss by step' })
    const over = chart.locator('.u-over')
    await over.waitFor()
    // what comes later above the chart would move it away from the pointer: notes come once it is known who looks
    await page.getByText('No notes yet.').waitFor()
    await page.locator('.skeleton').first().waitFor({ state: 'detached' })
    const box = await over.boundingBox()
    assert.ok(box !== null)
    const asked = page.waitForRequest((request) => request.url().includes('from_step='))
    await page.mouse.move(box.x + box.width * 0.4, box.y + 40)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width * 0.6, box.y + 60, { steps: 4 })
    await page.mouse.up()
    const { searchParams } = new URL((await asked).url())
    const [from, to] = [Number(searchParams.get('from_step')), Number(searchParams.get('to_step'))]
    assert.ok(from > 300 && from < 600 && to > 600 && to < 900, `${from} to ${to}`)
    await page.getByText(`from step ${from} to ${to}`).waitFor()
    // the part is in the address: it comes back with it
    await page.reload()
    await page.getByText(`from step ${from} to ${to}`).waitFor()
    await page.getByRole('button', { name: 'Reset zoom' }).click()
    await page.getByText('from step').waitFor({ state: 'detached' })
  })
})

test('files of a run are shown by their kind; a page may run nothing', options, async () => {
  await open('/runs/00019c1f4be27a60b3d85c14', async (page) => {
    await page.getByRole('button', { name: /^table\.json/ }).click()
    await page.getByRole('cell', { name: 'how late?' }).waitFor()
    await page.getByRole('button', { name: /^report\.html/ }).click()
    await page.frameLocator('iframe').getByText('The page is shown without its scripts.').waitFor()
    assert.equal(await page.locator('iframe').getAttribute('sandbox'), '')
    await page.getByRole('button', { name: /^model\.skops/ }).click()
    await page.getByText('No preview for this kind of file').waitFor()
    assert.match(page.url(), /file=model/)
    await page.goto(`${site.server.url}/runs/00019c1f4be27a60b3d85c14?file=gone.txt`)
    await page.getByText('There is no file gone.txt').waitFor()
  })
})

test('a run says where it comes from', options, async () => {
  await open('/runs/00019c1f4be27a60b3d85c14', async (page) => {
    await page.getByRole('heading', { name: 'Provenance' }).waitFor()
    await page.getByText('8f2c1ab9d07e2b41c6f0a7d5e3918b2c4d6f7a80').waitFor()
    await page.getByText('{"table":"sha256:9ad2c31e"}').waitFor()
    // recorded, and clean
    await page.getByText('Uncommitted changes').waitFor()
    await page.getByText('none', { exact: true }).first().waitFor()
  })
})

test('runs that differ by their seed alone are drawn together', options, async () => {
  const ids = [
    '00009c1f4be27a60b3d85c14',
    '000c9c1f4be27a60b3d85c14',
    '00189c1f4be27a60b3d85c14',
    '00049c1f4be27a60b3d85c14',
  ]
  await open(`/runs/compare?ids=${ids.join(',')}`, async (page) => {
    await page.getByText('Comparison of 4 runs').waitFor()
    await page.getByLabel('Group runs that differ only by').selectOption('seed')
    await page.getByText('Repeats over seed').waitFor()
    await page.getByLabel('Group runs that differ only by').selectOption('none')
    await page.getByText('Repeats over seed').waitFor({ state: 'detached' })
    await page.getByRole('img', { name: /over params\..* 4 runs$/ }).waitFor()
  })
})
