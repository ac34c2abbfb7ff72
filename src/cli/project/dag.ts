/** `slipway dag`: a pipeline as a DAG of a foreign scheduler, or a project from one; writes over no file that is another's. */
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { readUserText } from '../../contract/absence/user-file.ts'
import { ifMissing } from '../../contract/absence/absent.ts'
import { DAG_TOOLS, tasksApi, type DagTool } from '../../contract/pipelines/tasks.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { importDag } from './dag-import.ts'
import { submitProject } from './files.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [tool, folder = '.'] = invocation.args
  if (tool === 'import') return importDag(invocation)
  if (!isTool(tool)) {
    const said = tool === undefined ? 'needs a scheduler' : `does not know "${tool}"`
    throw new UsageError(`slipway dag ${said}; expected ${DAG_TOOLS.join(', ')}, or import`)
  }
  const { client } = await connect(invocation)
  const { id, project } = await submitProject(client, folder, text(invocation, 'file'))
  const [image, url] = [text(invocation, 'image'), text(invocation, 'tasks-url')]
  const query = { tool, ...(image !== undefined && { image }), ...(url !== undefined && { url }) }
  const dag = await client.call(tasksApi.exportDag, { params: { id }, query })
  const path = resolve(text(invocation, 'out') ?? dag.file)
  const there = await ifMissing(readUserText(path))
  if (there !== undefined && !isOurs(there, project) && invocation.flags['force'] !== true)
    throw new UsageError(
      `${path} is there, and is no DAG that slipway wrote of ${project}; move it away, or give --force`,
    )
  await writeFile(path, dag.text)
  invocation.out.data({ written: path, pipeline_version: id, notes: dag.notes })
  invocation.out.line(`Wrote ${path}: version ${id} for ${tool}.`)
  for (const note of dag.notes) invocation.out.line(`note: ${note}`)
  return 0
}

function isTool(name: string | undefined): name is DagTool {
  return DAG_TOOLS.some((tool) => tool === name)
}

/** What we write names the project, and the program of a task or the command that wrote it. */
function isOurs(written: string, project: string): boolean {
  return written.includes(project) && /SLIPWAY_RUN|slipway dag data-factory/.test(written)
}
