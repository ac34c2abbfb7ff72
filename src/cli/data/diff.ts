/** `slipway data diff`: what differs from one version to another. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Client } from '../../client/client.ts'
import { dataSetsApi } from '../../contract/data/sets.ts'
import type { DataDiff, DriftColumn } from '../../contract/data/sets.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import type { Output } from '../invocation/output.ts'
import { projectFlag, versionOf } from './names.ts'

const POLL_MS = 500
/** Columns that did not drift are told up to so many. */
const QUIET = 5

/** 0, or 1 with `--fail-on-drift` where a column drifted. */
export async function diff(client: Client, invocation: Invocation, args: readonly string[]): Promise<number> {
  const [from, to] = args
  if (from === undefined || to === undefined)
    throw new UsageError('data diff needs two versions: slipway data diff NAME@1 NAME@2')
  const [before, after] = [versionOf(from), versionOf(/^\d+$|^latest$/.test(to) ? `${versionOf(from).name}@${to}` : to)]
  const key = [(invocation.flags['key'] as readonly string[] | undefined) ?? []].flat()
  const query = {
    ...projectFlag(invocation),
    to: after.version,
    ...(after.name !== before.name && { other: after.name }),
    ...(key.length > 0 && { key }),
  }
  const { out } = invocation
  for (;;) {
    const reply = await client.call(dataSetsApi.compareData, { params: before, query })
    if (reply.diff !== null) {
      out.data(reply)
      out.line(`${reply.before.name}@${reply.before.version} to ${reply.after.name}@${reply.after.version}`)
      tell(reply.diff, out)
      return invocation.flags['fail-on-drift'] === true && reply.diff.drift.some(({ drifted }) => drifted) ? 1 : 0
    }
    out.progress('the tables are compared')
    await wait(POLL_MS)
  }
}

function tell({ same, rows, columns, changes, drift }: DataDiff, out: Output): void {
  if (same) return out.line('the content is the same')
  out.line(`rows: ${rows.before} to ${rows.after}: ${rowsText(changes)}`)
  for (const { name, type } of columns.added) out.line(`column added: ${name} (${type})`)
  for (const { name, type } of columns.removed) out.line(`column removed: ${name} (${type})`)
  for (const { name, before, after } of columns.retyped) out.line(`column ${name}: was ${before}, is ${after}`)
  if (columns.reordered) out.line('the columns stand in another order')
  const drifted = drift.filter((column) => column.drifted)
  out.line(`${drifted.length} of ${drift.length} columns drifted (PSI above ${drift[0]?.limit ?? ''})`)
  const shown = [...drifted, ...drift.filter((column) => !column.drifted).slice(0, QUIET)]
  if (shown.length > 0) out.table(['column', 'PSI', 'missing', 'mean', ''], shown.map(rowOf))
}

function rowsText({ keys, added, removed, changed, repeated_before, repeated_after }: DataDiff['changes']): string {
  const counts = `${added} added, ${removed} removed${changed === null ? '' : `, ${changed} changed by ${keys.join(', ')}`}`
  const repeated = repeated_before + repeated_after
  return repeated === 0
    ? counts
    : `${counts}; ${repeated_before} and ${repeated_after} rows repeat the key of another, and are not compared`
}

function rowOf({ column, psi, drifted, why, missing_before, missing_after, mean_before, mean_after }: DriftColumn) {
  return [
    column,
    psi === null ? (why ?? '') : psi.toFixed(3),
    `${percent(missing_before)} to ${percent(missing_after)}`,
    mean_before === null || mean_after === null ? '' : `${short(mean_before)} to ${short(mean_after)}`,
    drifted ? 'drifted' : '',
  ]
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}

function short(value: number): string {
  return String(Number(value.toPrecision(5)))
}
