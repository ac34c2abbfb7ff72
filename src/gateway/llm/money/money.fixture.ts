/** Budgets and keys of tests. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { BudgetRoute, KeyRoute } from '../../table/llm.ts'

/** A hard budget of a dollar for all time, but for what is given. */
export function budgetOf(id: string, given: Partial<BudgetRoute> = {}): BudgetRoute {
  return {
    id,
    project: 'p',
    scope: 'project',
    of: 'p',
    window: 'total',
    limit: 1_000_000_000,
    hard: true,
    spent: 0,
    since: 0,
    ...given,
  }
}

/** A key without limits, but for what is given. */
export function keyOf(given: Partial<KeyRoute> = {}): KeyRoute {
  return {
    token: 't',
    models: null,
    rpm: null,
    tpm: null,
    concurrency: null,
    user: null,
    team: null,
    tags: [],
    content: true,
    ...given,
  }
}

/** A data folder that is gone after the test. */
export function dataFolder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'slipway-money-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
