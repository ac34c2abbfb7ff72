/** `slipway data show`: a data set with its versions, or a version with its columns, what made it and what keeps it. */
import type { Client } from '../../client/client.ts'
import { dataSetsApi, type DataColumn, type MadeBy } from '../../contract/data/sets.ts'
import type { Invocation } from '../invocation/command.ts'
import { projectFlag, versionOf } from './names.ts'

export async function show(client: Client, invocation: Invocation, [given = '']: readonly string[]): Promise<number> {
  const params = versionOf(given)
  const query = projectFlag(invocation)
  const { out } = invocation
  const [set, version] = [
    await client.call(dataSetsApi.getDataSet, { params: { name: params.name }, query }),
    await client.call(dataSetsApi.getDataVersion, { params, query }),
  ]
  out.data({ ...version, versions: set.items })
  out.line(`${version.name}@${version.version} of ${version.project}: ${version.digest}`)
  out.line(
    `${version.rows === null ? '' : `${version.rows} rows, `}${version.size} bytes, ${version.files} files; data of ${version.data_at}`,
  )
  out.line(`made by ${madeBy(version.made_by)}, added ${version.created_at} by ${version.created_by}`)
  if (version.note !== '') out.line(version.note)
  for (const [tag, value] of Object.entries(version.tags)) out.line(`${tag}=${value}`)
  if (version.state !== 'ready') out.line(`${version.state}${version.reason === '' ? '' : `: ${version.reason}`}`)
  else if (version.reason !== '') out.line(version.reason)
  const kept = version.cited.filter(({ keeps }) => keeps)
  for (const { what } of kept) out.line(`kept for ${what}`)
  for (const { what, keeps } of version.cited) if (!keeps) out.line(`used by ${what}`)
  if (kept.length === 0) out.line('nothing keeps it: it may be removed')
  if (version.columns.length > 0)
    out.table(['column', 'type', 'missing', 'distinct', 'values'], version.columns.map(rowOf))
  if (set.items.length > 1)
    out.table(
      ['version', 'rows', 'bytes', 'state', 'data of', 'note'],
      set.items.map((one) => [
        String(one.version),
        String(one.rows ?? ''),
        String(one.size),
        one.state,
        one.data_at,
        one.note,
      ]),
    )
  return 0
}

export function madeBy(made: MadeBy): string {
  if (made.kind === 'features') return `the join ${made.job} with features of ${made.service}@${made.version}`
  if (made.kind === 'step') return `step ${made.step}.${made.output} of run ${made.run}`
  return made.place === null ? 'files' : `the files of ${made.place}`
}

function rowOf(column: DataColumn): string[] {
  const { name, type, missing, distinct, distinct_exact } = column
  return [name, type, String(missing), `${distinct_exact ? '' : 'about '}${distinct}`, valuesOf(column)]
}

function valuesOf({ type, min, max, quantiles, top }: DataColumn): string {
  if (type === 'time' && min !== null && max !== null)
    return `${new Date(min).toISOString()} to ${new Date(max).toISOString()}`
  const middle = quantiles.find(({ share }) => share === 0.5)
  if (min !== null && max !== null) return `${min} to ${max}${middle === undefined ? '' : `, median ${middle.value}`}`
  return top
    .slice(0, 3)
    .map(({ value, count }) => `${value} (${count})`)
    .join(', ')
}
