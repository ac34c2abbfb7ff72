/** Sources that are versions of data sets of the project: their content is in the store already. */
import { problem } from '../../../contract/errors.ts'
import type { DataSets } from '../../context/deps.ts'
import type { Place } from '../../spec/external/source.ts'
import type { Given } from './asked.ts'

/** Throws `unprocessable` where there is no such version. `latest` is the newest at this moment. */
export async function readDataSet(
  dataSets: DataSets | undefined,
  project: string,
  { name, version }: Extract<Place, { kind: 'data_set' }>,
): Promise<Given> {
  const found = await dataSets?.find(project, name, version)
  if (found === undefined)
    throw problem('unprocessable', { detail: `the project has no data set ${name}@${version}; see slipway data list` })
  const { content, rows, data_at } = found
  return {
    tree: content,
    version: String(found.version),
    dataAt: data_at,
    token: null,
    ...(rows !== null && { rows }),
  }
}
