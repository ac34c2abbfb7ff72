/** `slipway features apply`: the section of a project file becomes what the project has; what means something else is a new version. */
import type { Client } from '../../client/client.ts'
import type { Invocation } from '../invocation/command.ts'
import { changesOf, countText, tellChange } from './changes.ts'

export async function apply(
  client: () => Promise<Client>,
  invocation: Invocation,
  [folder = '.']: readonly string[],
): Promise<number> {
  const { out } = invocation
  const isDry = invocation.flags['dry-run'] === true
  const { changes, project } = await changesOf(client, invocation, { folder, isDry })
  out.data({ project, applied: !isDry, changes })
  for (const one of changes) tellChange(one, out)
  out.line(`project ${project}: ${countText(changes)}${isDry ? '; a dry run, so nothing was applied' : ''}`)
  return 0
}
