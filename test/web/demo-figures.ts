/**
 * Compares the summary of a demo with what its server shows: through the API and on the pages, in a real browser.
 *
 * `./slipway demo --json > summary.json`, then `npm run demo-figures -- summary.json` while its server runs. Ends with 1 when a figure differs.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Page } from 'playwright-core'
import { connect } from '../../src/cli/invocation/server.ts'
import { output } from '../../src/cli/invocation/output.ts'
import type { Client } from '../../src/client/client.ts'
import { authApi } from '../../src/contract/auth.ts'
import { costApi } from '../../src/contract/cost.ts'
import { monitoringApi } from '../../src/contract/monitoring.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { registryApi } from '../../src/contract/registry.ts'
import { rolloutApi } from '../../src/contract/rollout.ts'
import { CHROMIUM_MISSING, findChromium } from '../tools.ts'
import { openBrowser } from './browser.ts'

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts')
const ENDPOINT = 'flight-delay'
/** Charts are drawn and live figures have come by then, ms. */
const SETTLE_MS = 1500

interface Summary {
  readonly data: string
  readonly sent: number
  readonly failed: number
  readonly acts: readonly { readonly number: number; readonly facts: readonly { what: string; found: string }[] }[]
}

let wrong = 0
function compare(what: string, told: string | number, shown: string | number): void {
  const same = String(told) === String(shown)
  if (!same) wrong++
  console.log(`${same ? 'same     ' : 'DIFFERENT'} ${what}: told ${told}, shown ${shown}`)
}

/** What the summary says of a thing in an act. */
function told(summary: Summary, act: number, what: string | RegExp): string {
  const facts = summary.acts.find((one) => one.number === act)?.facts ?? []
  const fact = facts.find((one) => (typeof what === 'string' ? one.what === what : what.test(one.what)))
  if (fact === undefined)
    throw new Error(`the summary says nothing of ${String(what)} in act ${act}: give one of all acts`)
  return fact.found
}

function part(text: string, pattern: RegExp): string {
  return pattern.exec(text)?.[1] ?? `nothing like ${String(pattern)} in "${text}"`
}

async function throughApi(client: Client, summary: Summary): Promise<void> {
  const ask = async (bucket: 'all' | 'month') =>
    (await client.call(monitoringApi.performance, { params: { name: ENDPOINT }, query: { bucket } })).items
  const all = (await ask('all')).find((one) => one.metric === 'mean_score')
  compare('predictions in the log', summary.sent - summary.failed, all?.n ?? 0)
  const months = (await ask('month')).filter((one) => one.metric === 'roc_auc')
  const first = months.slice(0, 3).map((one) => `${one.from.slice(0, 7)} ${one.estimate?.toFixed(3) ?? '?'}`)
  compare(
    'AUC of the first three months',
    told(summary, 6, 'AUC by month').split(', ').slice(0, 3).join(),
    first.join(),
  )
  await models(client, summary)
  await rollouts(client, summary)
  await incidents(client, summary)
  const audit = await client.call(authApi.verifyAudit)
  compare('audit chain', told(summary, 8, 'audit chain').split(',')[0] ?? '', audit.ok ? 'whole' : 'broken')
  const cost = await client.call(costApi.report, { query: { by: 'endpoint' } })
  const total = cost.items.reduce((sum, one) => sum + one.micro_dollars, 0)
  const before = Number(part(told(summary, 8, 'cost by endpoint'), /^\$([\d.]+)/)) * 1e6
  compare('cost by endpoint, which only grows', 'not less', total >= Math.round(before) ? 'not less' : `${total} µ$`)
}

async function models(client: Client, summary: Summary): Promise<void> {
  const model = await client.call(registryApi.getModel, { params: { name: ENDPOINT } })
  const production = model.aliases['production'] ?? 'none'
  compare(
    'production',
    part(told(summary, 6, 'the retrained model'), /production is version (\d+)|not promoted/),
    production,
  )
  const { items } = await client.call(pipelinesApi.listPipelineRuns, { query: { limit: 100 } })
  const leaky = items.find((one) => one.outcome === 'refused')
  const refused = await client.call(registryApi.getVersion, {
    params: { name: ENDPOINT, version: leaky?.registered?.version ?? '0' },
  })
  compare(
    'AUC of the leaky variant',
    part(told(summary, 1, 'leaky variant'), /AUC ([\d.]+)/),
    (refused.metrics['roc_auc'] ?? 0).toFixed(3),
  )
  compare('lowering of the leaky variant', 'pending', refused.lowering.state)
}

async function rollouts(client: Client, summary: Summary): Promise<void> {
  const { items } = await client.call(rolloutApi.list, { query: { endpoint: ENDPOINT, limit: 100 } })
  const stateOf = (version: string): string => items.find((one) => one.version === version)?.state ?? 'none'
  for (const fact of summary.acts.find((one) => one.number === 3)?.facts ?? []) {
    const version = /\(version (\d+)\)/.exec(fact.what)?.[1]
    if (version !== undefined)
      compare(`rollout of version ${version}`, fact.found.split(' ')[0] ?? '', stateOf(version))
  }
  const flipped = part(told(summary, 4, /labels of UA/), /version (\d+)/)
  compare(`rollout of version ${flipped}`, told(summary, 4, 'stopped').split(' ')[0] ?? '', stateOf(flipped))
}

async function incidents(client: Client, summary: Summary): Promise<void> {
  const { items } = await client.call(monitoringApi.listIncidents, { query: { endpoint: ENDPOINT, limit: 200 } })
  const act = summary.acts.find((one) => one.number === 5)?.facts ?? []
  const causes = act.filter((one) => one.what === 'first cause')
  const severities = act.filter((one) => one.what === 'severity')
  const healed = act.filter((one) => one.what === 'feed mended')
  for (const [i, cause] of causes.entries()) {
    const incident = items.find((one) => one.causes[0]?.title === cause.found)
    compare(`severity of "${cause.found}"`, severities[i]?.found ?? '', incident?.severity ?? 'no such incident')
    compare(
      `end of "${cause.found}"`,
      healed[i]?.found ?? '',
      `resolved at ${incident?.resolved_event_time?.slice(0, 16) ?? 'no time'}`,
    )
  }
  const quality = items.find((one) => one.kind === 'quality')
  compare('fall of quality', told(summary, 6, 'quality fell'), quality?.title ?? 'no incident')
}

/** The text of a page once it is drawn. */
async function textOf(page: Page, address: string): Promise<string> {
  await page.goto(address)
  await page.locator('h1').first().waitFor()
  // by the clock: no test; a text that comes later is told as a difference
  await page.waitForTimeout(SETTLE_MS)
  return page.locator('main').innerText()
}

/** Whether a page shows a number: some number on it is this one, rounded to the digits it is written with (two at least). */
function shows(text: string, value: number): boolean {
  return (text.match(/\d+\.\d{2,}/g) ?? []).some((word) => value.toFixed(word.split('.')[1]?.length ?? 0) === word)
}

async function onPages(client: Client, summary: Summary): Promise<void> {
  const executable = findChromium()
  if (executable === undefined) throw new Error(CHROMIUM_MISSING)
  const link = execFileSync(process.execPath, [MAIN, 'env', '--link', '--data', summary.data], {
    encoding: 'utf8',
  }).trim()
  const browser = await openBrowser(executable)
  try {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
    await page.goto(link)
    const { origin } = new URL(page.url())
    const see = (what: string, seen: boolean): void => compare(`page: ${what}`, 'shown', seen ? 'shown' : 'not shown')
    const { items } = await client.call(monitoringApi.listIncidents, { query: { endpoint: ENDPOINT, limit: 200 } })
    for (const cause of (summary.acts.find((one) => one.number === 5)?.facts ?? []).filter(
      (one) => one.what === 'first cause',
    )) {
      const incident = items.find((one) => one.causes[0]?.title === cause.found)
      see(
        `incident "${cause.found}"`,
        (await textOf(page, `${origin}/incidents/${incident?.id}`)).includes(cause.found),
      )
    }
    const { registered } = (await client.call(pipelinesApi.listPipelineRuns, { query: { limit: 100 } })).items.findLast(
      (one) => one.outcome === 'succeeded' && one.registered !== null,
    ) ?? { registered: null }
    const auc = Number(told(summary, 1, 'hold-out AUC (June)'))
    const version = await textOf(page, `${origin}/models/${ENDPOINT}/versions/${registered?.version}`)
    see(`hold-out AUC ${auc} of version ${registered?.version}`, shows(version, auc))
    const model = await client.call(registryApi.getModel, { params: { name: ENDPOINT } })
    const endpoint = await textOf(page, `${origin}/endpoints/${ENDPOINT}`)
    see(
      `version ${model.aliases['production']} answers`,
      new RegExp(`\\b${model.aliases['production']}\\b`).test(endpoint),
    )
  } finally {
    await browser.close()
  }
}

async function main(path: string | undefined): Promise<void> {
  if (path === undefined) throw new Error('name the summary: npm run demo-figures -- summary.json')
  const summary = JSON.parse(readFileSync(path, 'utf8')) as Summary
  const { client } = await connect({ args: [], flags: { data: join(summary.data) }, out: output(false) })
  await throughApi(client, summary)
  await onPages(client, summary)
  console.log(wrong === 0 ? 'Every figure is what the server shows.' : `${wrong} figures differ.`)
  if (wrong > 0) process.exitCode = 1
}

try {
  await main(process.argv[2])
} catch (error) {
  console.error(`demo-figures: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
