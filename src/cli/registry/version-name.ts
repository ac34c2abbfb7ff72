/** The names by which people mean a version of a model on the command line. */
import type { Client } from '../../client/client.ts'
import { problem } from '../../contract/errors.ts'
import { registryApi } from '../../contract/registry.ts'
import { UsageError } from '../invocation/command.ts'

export interface NamedVersion {
  readonly model: string
  readonly version: string
  readonly tree: string | null
}

/** `NAME` (its newest version), `NAME/VERSION` or `NAME@ALIAS`, each with or without `models:/`. Throws `not_found`. */
export async function resolveVersion(client: Client, given: string): Promise<NamedVersion> {
  const match = /^(?:models:\/)?([^/@]+)(?:\/([^/@]+)|@([^/@]+))?$/.exec(given)
  if (match === null)
    throw new UsageError(`the model is "${given}"; expected NAME, NAME/VERSION, NAME@ALIAS or models:/…`)
  const [, name = '', number, alias] = match
  const version = number ?? (await versionNamed(client, name, alias))
  const { tree } = await client.call(registryApi.getVersion, { params: { name, version } })
  return { model: name, version, tree }
}

async function versionNamed(client: Client, name: string, alias: string | undefined): Promise<string> {
  const { aliases, latest_version } = await client.call(registryApi.getModel, { params: { name } })
  const version = alias === undefined ? latest_version : (aliases[alias] ?? null)
  if (version !== null) return version
  throw problem('not_found', {
    what: alias === undefined ? 'version of the model' : 'alias',
    id: alias === undefined ? name : `${name}@${alias}`,
  })
}
