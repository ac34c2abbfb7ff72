/** `slipway features`: definitions are applied, shown and compared; features are joined, materialised, pushed and read. */
import type { Client } from '../../client/client.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { apply } from './apply.ts'
import { diff } from './diff.ts'
import { importFeast } from './import.ts'
import { join } from './join.ts'
import { cancel, jobs } from './jobs.ts'
import { list } from './list.ts'
import { materialise } from './materialise.ts'
import { push } from './push.ts'
import { read } from './read.ts'
import { serve } from './serve.ts'
import { show } from './show.ts'

/** `client` is asked for only where the arguments are whole. */
type Act = (connected: () => Promise<Client>, invocation: Invocation, args: readonly string[]) => Promise<number>

const ACTS: Readonly<Record<string, Act>> = {
  list,
  apply,
  show,
  diff,
  join,
  materialise,
  push,
  read,
  serve,
  jobs,
  cancel,
  // the server is not asked
  import: (_connected, invocation, args) => importFeast(invocation, args),
}

export async function run(invocation: Invocation): Promise<number> {
  const [name = 'list', ...args] = invocation.args
  const act = Object.hasOwn(ACTS, name) ? ACTS[name] : undefined
  if (act === undefined)
    throw new UsageError(`features has no "${name}"; expected one of ${Object.keys(ACTS).join(', ')}`)
  let client: Promise<Client> | undefined
  return act(() => (client ??= connect(invocation).then((one) => one.client)), invocation, args)
}
