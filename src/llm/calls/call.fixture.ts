/** Calls as gateways log them, and the part that takes them in, made as the cases need them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callSegments } from '../../gateway/llm/records/journal.ts'
import type { LlmCallRecord } from '../../gateway/llm/records/record.ts'
import type { BudgetWindow } from '../../gateway/table/llm.ts'
import type { Db } from '../../store/db.ts'
import { SegmentWriter } from '../../store/segments/segments.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { callsPart } from './calls.ts'
import type { CallsDeps, CallsPart } from './calls.ts'
import { CALL_TABLES } from './removal.ts'

/** 2026-05-06T10:00:00Z, a Wednesday. */
export const NOON = Date.UTC(2026, 4, 6, 10)

/** A call that was answered whole, for 1,234,567 nanodollars. */
export function callOf(id: string, more: Partial<LlmCallRecord> = {}): LlmCallRecord {
  return {
    t: 'l',
    id,
    started: NOON,
    us: 900_000,
    first_us: 120_000,
    own_us: 300,
    project: 'red',
    endpoint: 'chat',
    dialect: 'chat',
    stream: true,
    key: 'tok_1',
    user: 'ann',
    team: 'search',
    tags: ['web'],
    provider: 'prov_1',
    kind: 'openai',
    model: 'gpt-x',
    status: 200,
    outcome: 'ok',
    attempts: [{ model: 'def_1', status: 200, us: 899_000 }],
    cache: null,
    saved: 0,
    guards: [],
    usage: { input: 1000, output: 200, cache_read: 64, cache_write: 0, reasoning: 20 },
    raw_usage: { prompt_tokens: 1000, completion_tokens: 200 },
    cost_status: 'priced',
    cost: 1_234_567,
    price: 'gpt-x@2026-01-01',
    reserved: 9_000_000,
    budgets: ['bud_1'],
    lost: [],
    experiment: null,
    traceparent: null,
    finish: 'stop',
    digest: { request: 'aa', answer: 'bb' },
    ...more,
  }
}

/** Removes all that was taken in of calls, and how far their logs were read. */
export function emptyCalls(db: Db): Promise<void> {
  return db.tx(async (t) => {
    for (const table of [...CALL_TABLES, 'llm_offsets']) await t.run(`DELETE FROM ${table}`)
  })
}

/** Appends records, or text that is none, as one gateway of its own. */
export async function writeCallLog(
  dataDir: string,
  records: readonly (object | string)[],
  maxBytes = 8192,
): Promise<void> {
  const writer = new SegmentWriter(callSegments(dataDir), { maxBytes })
  for (const one of records) writer.append(typeof one === 'string' ? one : JSON.stringify(one))
  await writer.close()
}

/** Beginning of a window in UTC, of weeks that begin on Monday, by the calendar of the language. */
export function windowStart(window: BudgetWindow, at: number): number {
  const day = new Date(at)
  day.setUTCHours(0, 0, 0, 0)
  if (window === 'total') return 0
  if (window === 'month') day.setUTCDate(1)
  if (window === 'week') while (day.getUTCDay() !== 1) day.setUTCDate(day.getUTCDate() - 1)
  return day.getTime()
}

/** The part on a folder, joined with the ledger and the traces of a tracking room. */
export function partOn(room: Tracking, dataDir: string, more: Partial<CallsDeps> = {}): CallsPart {
  return callsPart({
    room,
    dataDir,
    windowStart,
    onError(error) {
      throw error
    },
    chunkBytes: 2048,
    ...more,
  })
}

/** Makes folders that go together. */
export function folders(): { make(): string; remove(): void } {
  const made: string[] = []
  return {
    make() {
      const folder = mkdtempSync(join(tmpdir(), 'llm-calls-'))
      made.push(folder)
      return folder
    },
    remove: () => made.forEach((folder) => rmSync(folder, { recursive: true, force: true })),
  }
}
