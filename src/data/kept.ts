/** Who cites a version: models by alias and endpoint, the runs that read it. What a live model or a run that is kept cites stays. */
import type { Citation } from '../contract/data/sets.ts'
import { runsOfTree } from '../pipelines/data/readers.ts'
import { versionsOfData } from '../registry/versions/of-data.ts'
import { endpointsOfVersion } from '../serving/context/rows.ts'
import { runsWithDataset } from '../tracking/searches/of-dataset.ts'
import type { Reader } from '../store/db.ts'

/** Pipeline runs and tracked runs that are told by name. */
const TOLD = 50

/** Everything that cites the content, what keeps it first. Only what lies in the project is told. */
export async function citationsOf(reader: Reader, project: string, digest: string): Promise<Citation[]> {
  const runs = await runsOfTree(reader, project, digest)
  const versions = await versionsOfData(
    reader,
    project,
    digest,
    runs.map(({ id }) => id),
  )
  const cited: Citation[] = []
  for (const { model, version, aliases } of versions) {
    const href = `/models/${encodeURIComponent(model)}/versions/${version}`
    for (const alias of aliases)
      cited.push({ kind: 'alias', what: `model ${model}@${alias} (version ${version})`, href, keeps: true })
    for (const endpoint of await endpointsOfVersion(reader, model, version))
      cited.push({
        kind: 'endpoint',
        what: `endpoint ${endpoint} (model ${model} version ${version})`,
        href: `/endpoints/${encodeURIComponent(endpoint)}`,
        keeps: true,
      })
    cited.push({ kind: 'model_version', what: `model ${model} version ${version}`, href, keeps: false })
  }
  const readers = runs.filter(({ read }) => read).slice(0, TOLD)
  for (const { id } of readers)
    cited.push({
      kind: 'pipeline_run',
      what: `pipeline run ${id}, which read it`,
      href: `/pipelines/${id}`,
      keeps: true,
    })
  for (const id of await runsWithDataset(reader, project, digest, TOLD))
    cited.push({ kind: 'run', what: `run ${id}, which logged it as its input`, href: `/runs/${id}`, keeps: false })
  return cited
}
