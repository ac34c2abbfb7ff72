/** What people change about models, prompts, traces, datasets and experiments on the pages of a real server. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { axeBreaches } from './browser.ts'
import { logRun, realSite, whoIsKnown } from './real-app.ts'

const site = realSite()

test('a model and its version are described and tagged', site.options, async () => {
  const run = await logRun(site.app, { name: 'maker' })
  await site.app.mlflow('registered-models/create', { name: 'churn', description: '**Predicts** churn' })
  await site.app.mlflow('model-versions/create', { name: 'churn', source: `runs:/${run}/model`, run_id: run })
  await site.app.look('contributor', '/models', async (page) => {
    await page.getByText('Predicts churn').waitFor()
    await page.getByRole('link', { name: 'churn', exact: true }).click()
    await page.locator('strong', { hasText: 'Predicts' }).waitFor()
    await page.getByRole('button', { name: 'Edit the description' }).click()
    await page.getByRole('dialog').getByRole('textbox').fill('# Churn of *telco*')
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
    await page.getByRole('heading', { name: 'Churn of telco' }).waitFor()
    await page.getByLabel('Key', { exact: true }).fill('domain')
    await page.getByLabel('Value', { exact: true }).fill('telco')
    await page.getByRole('button', { name: 'Set tag', exact: true }).click()
    await page.getByRole('button', { name: 'Remove the tag domain' }).click()
    await page.getByText('No tags.').waitFor()
    await page.getByRole('link', { name: 'version 1' }).click()
    await page.getByRole('button', { name: 'Add a description' }).click()
    await page.getByRole('dialog').getByRole('textbox').fill('the first')
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
    await page.getByRole('paragraph').filter({ hasText: 'the first' }).waitFor()
    assert.equal(await page.getByRole('button', { name: /Promote|Approve/ }).count(), 0)
    assert.deepEqual(await axeBreaches(page), [])
  })
})

test('versions of a prompt are read and compared, and its address as a model leads to it', site.options, async () => {
  const mark = { key: 'mlflow.prompt.is_prompt', value: 'true' }
  await site.app.mlflow('registered-models/create', { name: 'greeting', tags: [mark] })
  for (const [text, description] of [
    ['Hello {{name}}\nBye', 'first'],
    ['Hello {{name}}\nfrom {{city}}\nBye', 'warmer'],
  ]) {
    const tags = [mark, { key: 'mlflow.prompt.text', value: text }]
    await site.app.mlflow('model-versions/create', { name: 'greeting', source: 'dummy-source', description, tags })
  }
  await site.app.look('viewer', '/prompts', async (page) => {
    await page.getByText('warmer').waitFor()
    await page.getByRole('link', { name: 'greeting' }).click()
    await page.getByText('name, city').waitFor()
    await page.getByLabel('compared with').selectOption('1')
    await page.getByText('+ from {{city}}').waitFor()
    await page.waitForURL(/against=/)
    assert.deepEqual(await axeBreaches(page), [])
    await page.reload()
    await page.getByText('+ from {{city}}').waitFor()
    await page.goBack()
    await page.getByText('+ from {{city}}').waitFor({ state: 'detached' })
    await page.goto(`${site.app.url}/models/greeting`)
    await page.waitForURL('**/prompts/greeting')
  })
})

test('a trace is judged by a person, and the judgement stands at once', site.options, async () => {
  const trace = await site.app.trace('asked')
  await site.app.look('viewer', `/traces/${trace}`, async (page) => {
    await page.getByText('No assessments yet').waitFor()
    await whoIsKnown(page, 'viewer')
    assert.equal(await page.getByRole('button', { name: 'Add assessment' }).count(), 0)
  })
  await site.app.look('contributor', `/traces/${trace}`, async (page) => {
    await page.getByLabel('Name', { exact: true }).fill('correct')
    await page.getByLabel('Value', { exact: true }).fill('true')
    await page.getByLabel('Rationale', { exact: true }).fill('as the timetable says')
    await page.getByRole('button', { name: 'Add assessment' }).click()
    await page.getByText('as the timetable says').waitFor()
    await page.getByRole('cell', { name: /one contributor human/ }).waitFor()
    assert.deepEqual(await axeBreaches(page), [])
  })
})

test('an evaluation dataset is read record by record', site.options, async () => {
  const { dataset } = (await site.app.mlflow('../../3.0/mlflow/datasets/create', {
    name: 'golden',
    tags: '{"v":"1"}',
  })) as {
    dataset: { dataset_id: string }
  }
  const records = Array.from({ length: 120 }, (_, i) => ({
    inputs: { q: `question ${i}` },
    expectations: { a: 'yes' },
  }))
  await site.app.mlflow(`../../3.0/mlflow/datasets/${dataset.dataset_id}/records`, { records: JSON.stringify(records) })
  await site.app.look('viewer', '/datasets', async (page) => {
    // exactly: the digest beside it may have these digits too
    await page.getByRole('cell', { name: '120', exact: true }).waitFor()
    assert.deepEqual(await axeBreaches(page), [])
    await page.getByRole('link', { name: 'golden' }).click()
    await page.getByText('100 loaded so far').waitFor()
    await page.getByRole('button', { name: 'Load more' }).click()
    await page.getByText('120', { exact: true }).waitFor()
    await page.getByText('"q": "question 119"').waitFor()
    assert.deepEqual(await axeBreaches(page), [])
  })
})

test('an experiment is made, renamed, deleted and taken back', site.options, async () => {
  await site.app.look('contributor', '/runs', async (page) => {
    await page.getByRole('link', { name: 'experiment', exact: true }).click()
    await page.getByRole('button', { name: 'New experiment' }).click()
    await page.getByRole('dialog', { name: 'New experiment' }).getByRole('textbox').fill('sweeps')
    await page.getByRole('dialog', { name: 'New experiment' }).getByRole('button', { name: 'Save' }).click()
    const row = page.getByRole('row', { name: /sweeps/ })
    await row.getByRole('button', { name: 'Rename' }).click()
    await row.getByRole('dialog').getByRole('textbox').fill('sweeps of May')
    await row.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
    await page.getByRole('link', { name: 'sweeps of May' }).waitFor()
    await page
      .getByRole('row', { name: /Default/ })
      .getByText(/ ago$|^just now$/)
      .first()
      .waitFor()
    assert.equal(
      await page
        .getByRole('row', { name: /Default/ })
        .getByRole('button', { name: 'Delete' })
        .count(),
      0,
    )
    assert.deepEqual(await axeBreaches(page), [])
    await row.getByRole('button', { name: 'Delete' }).click()
    await row.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await page.getByRole('link', { name: 'sweeps of May' }).waitFor({ state: 'detached' })
    await page.getByRole('combobox', { name: 'Show' }).selectOption('deleted')
    await row.getByRole('button', { name: 'Restore' }).click()
    await row.getByRole('dialog').getByRole('button', { name: 'Restore' }).click()
    await page.getByText('No deleted experiments').waitFor()
    await page.goBack()
    await page.getByRole('link', { name: 'sweeps of May' }).click()
    await page.waitForURL(/\/runs\?experiment=/)
  })
})
